#pragma once
// What a spec's driver_options say to this driver. Pure.

#include <map>
#include <string>

namespace vmfleet::driver::openstack {

struct Options {
  std::string cloud;            ///< in clouds.yaml; empty: as OpenStack's own clients choose
  std::string flavor;           ///< of the instances; empty: the smallest that is large enough
  std::string network;          ///< empty: the project's only one
  std::string balancer_flavor;  ///< empty: the smallest that is large enough
  bool secrets = false;         ///< by the config drive, which the project's members can read
};

/// Throws Error{Usage} for a key or a value that is not known.
Options read_options(const std::map<std::string, std::string>& options);

}  // namespace vmfleet::driver::openstack
