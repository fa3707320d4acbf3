#pragma once
// The balancer of a fleet: HAProxy in a server of its own, from an image of our own, led through its runtime
// API.

#include <map>
#include <string>
#include <vector>

#include "balancer/config.hpp"
#include "fleet/spec.hpp"
#include "recipe/manifest.hpp"
#include "support/progress.hpp"

namespace vmfleet::driver::openstack {

constexpr std::uint16_t kControlPort = 9443;
constexpr std::uint64_t kFrontMemory = 128ull << 20;  ///< of the balancer's server
constexpr std::uint64_t kFrontDisk = 1ull << 30;

/// The configuration that the balancer starts with; its slots lead nowhere yet. Pure.
std::string front_config(const fleet::Spec& spec, const vmimage::recipe::Manifest& manifest);

/// The image, made of the HAProxy of this machine on the base 'minimal', in `folder`. Returns its file.
std::filesystem::path make_front_image(const std::filesystem::path& folder,
                                       const vmimage::support::Report& report);

/// A server, and whether requests go to it.
struct Place {
  std::string address;  ///< of a server
  balancer::Mode mode = balancer::Mode::Off;
};

/// The commands by which the slots lead to these servers, and nowhere else; those that lead there already
/// keep their slots. `ports`: TCP ports of the service, the main one first. With `checked`, a new one has to
/// pass a check before it counts as healthy: what its slot's last server was like says nothing of it. Pure.
std::vector<std::string> lead_to(const std::vector<Place>& places,
                                 const std::vector<balancer::ServerSight>& present,
                                 const std::vector<std::uint16_t>& ports, bool checked);

}  // namespace vmfleet::driver::openstack
