#pragma once
// Fleets in an OpenStack cloud: a stack of Heat's for each, with two groups of servers that take turns, and a
// balancer of ours in front (docs/openstack.md).

#include "driver/driver.hpp"

namespace vmfleet::driver {

class OpenstackDriver : public Driver {
 public:
  const std::string& name() const override;
  Converges converges() const override { return Converges::ByItself; }
  std::vector<std::string> fleets() override;
  void find(const std::map<std::string, std::string>& options) override;
  std::vector<fleet::Status> gone() override { return {}; }
  std::unique_ptr<Fleet> fleet(const std::string& name) override;
};

}  // namespace vmfleet::driver
