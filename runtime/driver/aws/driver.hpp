#pragma once
// Fleets on AWS: a CloudFormation stack for each, with an Auto Scaling group behind a load balancer
// (docs/aws.md).

#include "driver/driver.hpp"

namespace vmfleet::driver {

class AwsDriver : public Driver {
 public:
  const std::string& name() const override;
  Converges converges() const override { return Converges::ByItself; }
  std::vector<std::string> fleets() override;
  void find(const std::map<std::string, std::string>& options) override;
  std::vector<fleet::Status> gone() override { return {}; }
  std::unique_ptr<Fleet> fleet(const std::string& name) override;
};

}  // namespace vmfleet::driver
