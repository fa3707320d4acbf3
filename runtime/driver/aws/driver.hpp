#pragma once
// Fleets on AWS: a CloudFormation stack for each, with an Auto Scaling group behind a load balancer
// (docs/aws.md).

#include "driver/driver.hpp"

namespace vmfleet::driver {

class AwsDriver : public Driver {
 public:
  const std::string& name() const override;
  Converges converges() const override { return Converges::ByItself; }
  /// Those that this machine knows of: AWS is not asked.
  std::vector<std::string> fleets() override;
  std::vector<fleet::Status> gone() override { return {}; }
  std::unique_ptr<Fleet> fleet(const std::string& name) override;
};

}  // namespace vmfleet::driver
