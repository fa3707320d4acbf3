// The drivers that there are: the only place that knows one by name.

#include <fmt/format.h>

#include "driver/aws/driver.hpp"
#include "driver/driver.hpp"
#include "driver/local/driver.hpp"
#include "driver/openstack/driver.hpp"
#include "support/error.hpp"

namespace vmfleet::driver {

namespace support = vmimage::support;

const std::vector<std::unique_ptr<Driver>>& drivers() {
  static const auto all = [] {
    std::vector<std::unique_ptr<Driver>> made;
    made.push_back(std::make_unique<LocalDriver>());
    made.push_back(std::make_unique<OpenstackDriver>());
    made.push_back(std::make_unique<AwsDriver>());
    return made;
  }();
  return all;
}

Driver& find_driver(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& driver : drivers()) {
    if (driver->name() == name)
      return *driver;
    known.push_back(driver->name());
  }
  throw support::invalid(fmt::format("'{}' is no known driver", name),
                         fmt::format("known is: {}", fmt::join(known, ", ")));
}

}  // namespace vmfleet::driver
