#include "driver/openstack/front.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cache/cache.hpp"
#include "image/build.hpp"
#include "recipe/recipe.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace vmfleet::driver::openstack {

namespace fs = std::filesystem;
namespace support = vmimage::support;
using balancer::Mode;

namespace {

/// In the balancer's machine: what user data brings lies beside it (docs/user-data.md).
constexpr const char* kFolder = "/run/credentials/balancer.service";

std::string host_of(const std::string& address) {
  return address.substr(0, address.rfind(':'));
}

}  // namespace

std::string front_config(const fleet::Spec& spec, const vmimage::recipe::Manifest& manifest) {
  const auto seconds = [](fleet::Milliseconds time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time).count();
  };
  balancer::Config config{.fleet = spec.name,
                          .address = "0.0.0.0",
                          .listeners = {},
                          .health = manifest.health,
                          .socket = "/tmp/balancer.sock",
                          .check = fmt::format("inter {}s fall {} rise {}", seconds(spec.rules.interval),
                                               spec.rules.failed_checks, spec.rules.passed_checks),
                          .control = {{kControlPort, fs::path(kFolder) / "key.pem"}}};
  for (const auto& port : manifest.ports)
    if (port.protocol == vmimage::recipe::Protocol::Tcp) {
      const bool first = config.listeners.empty();
      config.listeners.push_back({port.number, first && spec.port ? spec.port : port.number});
    }
  return balancer::to_text(config);
}

fs::path make_front_image(const fs::path& folder, const support::Report& report) {
  const fs::path program = support::find_program("haproxy");
  if (program.empty())
    throw support::failure("failed to make the balancer's image: haproxy is not installed",
                           "install it: apt-get install haproxy");
  vmimage::recipe::Recipe recipe;
  recipe.name = "vmfleet-balancer";
  recipe.version = "1";
  recipe.base = "minimal";
  recipe.service = recipe.user = "balancer";
  recipe.command = {"/usr/sbin/haproxy", "-db", "-f", std::string(kFolder) + "/haproxy.cfg"};
  recipe.files = {{program, "/usr/sbin/haproxy"}};
  recipe.ports = {{kControlPort}};
  recipe.health = vmimage::recipe::parse_health(fmt::format("tcp://:{}", kControlPort));
  recipe.size.memory = kFrontMemory;
  const vmimage::cache::Cache cache;
  return vmimage::image::build_image(recipe, folder, recipe.name, cache, report).files.front();
}

std::vector<std::string> lead_to(const std::vector<Place>& places,
                                 const std::vector<balancer::ServerSight>& present,
                                 const std::vector<std::uint16_t>& ports, bool checked) {
  std::map<std::string, const balancer::ServerSight*> slots;
  std::set<int> taken;
  for (const auto& sight : present) {
    slots[host_of(sight.address)] = &sight;
    taken.insert(sight.slot);
  }
  std::vector<balancer::Listener> listeners;
  balancer::Route route;
  for (const auto port : ports) {
    listeners.push_back({port, port});
    route.ports[port] = port;
  }
  std::vector<std::string> commands;
  const auto set = [&](int slot, Mode mode, const std::string& address) {
    route.mode = mode;
    for (auto& command : balancer::commands(slot, route, listeners, address))
      commands.push_back(std::move(command));
  };
  int free = 1;
  for (const auto& place : places) {
    const auto found = slots.find(place.address);
    if (found != slots.end()) {
      if (found->second->mode != place.mode)
        set(found->second->slot, place.mode, place.address);
      slots.erase(found);
      continue;
    }
    while (taken.contains(free))
      ++free;
    if (free > balancer::kSlots)
      throw support::failure("the balancer has no place for a further server");
    taken.insert(free);
    set(free, place.mode, place.address);
    if (checked)
      commands.push_back(fmt::format("set server port-{}/instance{} health down", ports.front(), free));
  }
  for (const auto& [address, sight] : slots)
    set(sight->slot, Mode::Off, address);
  return commands;
}

}  // namespace vmfleet::driver::openstack
