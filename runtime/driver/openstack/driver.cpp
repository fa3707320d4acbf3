#include "driver/openstack/driver.hpp"

#include <algorithm>

#include "driver/openstack/fleet.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;

const std::string& OpenstackDriver::name() const {
  static const std::string name = "openstack";
  return name;
}

std::vector<std::string> OpenstackDriver::fleets() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(openstack::known_folder(), none))
    if (fs::exists(entry.path() / "cloud.json"))
      names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
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
