#include "driver/openstack/driver.hpp"

#include "driver/openstack/fleet.hpp"

namespace vmfleet::driver {

const std::string& OpenstackDriver::name() const {
  static const std::string name = "openstack";
  return name;
}

std::vector<std::string> OpenstackDriver::fleets() {
  return Note::fleets(name());
}

void OpenstackDriver::find(const std::map<std::string, std::string>& options) {
  const auto where = openstack::read_options(options);
  for (const auto& name : openstack::Cloud(where.cloud).fleets())
    openstack::OpenstackFleet(name).remember(where);
}

std::unique_ptr<Fleet> OpenstackDriver::fleet(const std::string& name) {
  return std::make_unique<openstack::OpenstackFleet>(name);
}

}  // namespace vmfleet::driver
