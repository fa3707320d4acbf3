#include "driver/openstack/options.hpp"

#include <fmt/format.h>

#include "support/error.hpp"
#include "support/json.hpp"

namespace vmfleet::driver::openstack {

namespace support = vmimage::support;

Options read_options(const std::map<std::string, std::string>& options) {
  Options read;
  const std::map<std::string, std::string Options::*> texts{{"cloud", &Options::cloud},
                                                            {"flavor", &Options::flavor},
                                                            {"network", &Options::network},
                                                            {"balancer-flavor", &Options::balancer_flavor}};
  for (const auto& [key, value] : options) {
    if (const auto found = texts.find(key); found != texts.end()) {
      read.*found->second = value;
    } else if (key == "secrets") {
      if (value != "config-drive")
        throw support::invalid(fmt::format("'{}' is no way for secrets", value), "known is: config-drive");
      read.secrets = true;
    } else {
      const std::vector<std::string> known{"balancer-flavor", "cloud", "flavor", "network", "secrets"};
      throw support::invalid(
          fmt::format("the driver 'openstack' has no option '{}'", key),
          support::did_you_mean(key, known, fmt::format("it has: {}", fmt::join(known, ", "))));
    }
  }
  return read;
}

}  // namespace vmfleet::driver::openstack
