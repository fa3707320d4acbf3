#pragma once
// The Heat template of a fleet's stack (Heat Orchestration Template, version 2018-08-31). Pure.

#include <cstdint>
#include <string>
#include <vector>

namespace vmfleet::driver::openstack {

/// What the template depends on; all else is in its parameters.
struct Shape {
  std::string fleet;
  std::vector<std::uint16_t> ports;  ///< TCP ports of the service
  std::uint16_t front = 0;           ///< port of the fleet's address that leads to the first of them
  std::uint16_t control = 0;         ///< of the balancer's runtime API
};

/// Two groups of servers and a balancer in front. JSON, which is YAML, too.
///
/// Parameters: network, image/flavor/count/settings of each group ("a_image" …; settings: "1" or "2"),
/// settings_1, settings_2 (user data), balancer_image, balancer_flavor, balancer_settings, key, fleet
/// (record.hpp). Outputs: address (of the balancer), a and b: the groups' servers, first those that it would
/// remove first.
std::string make_template(const Shape& shape);

}  // namespace vmfleet::driver::openstack
