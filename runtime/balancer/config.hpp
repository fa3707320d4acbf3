#pragma once
// HAProxy's configuration and the words of its runtime API, as pure functions (HAProxy 2.6 configuration
// manual; management guide, section 9.3 "Unix Socket commands").

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "recipe/service.hpp"

namespace vmfleet::balancer {

namespace recipe = vmimage::recipe;

constexpr int kSlots = 128;  ///< servers that a balancer can have at once

/// A port of the service that the balancer answers on.
struct Listener {
  std::uint16_t guest = 0;
  std::uint16_t host = 0;
  bool operator==(const Listener&) const = default;
};

struct Config {
  std::string fleet;
  std::string address = "127.0.0.1";
  std::vector<Listener> listeners;
  recipe::HealthCheck health;
  std::filesystem::path socket;  ///< of the runtime API
  bool drop_privileges = false;  ///< started as root: serve as nobody
};

/// Every server is a slot of a server template, set and switched through the runtime API: no reload is needed
/// when instances come and go.
std::string to_text(const Config& config);

enum class Mode { Off, Ready, Drain };

/// What a slot leads to; guest port → host port.
struct Route {
  Mode mode = Mode::Off;
  std::map<std::uint16_t, std::uint16_t> ports;
  bool operator==(const Route&) const = default;
};

/// The runtime API's commands that give slot `slot` (from 1) this route, in the listeners' backends.
std::vector<std::string> commands(int slot, const Route& route, const std::vector<Listener>& listeners,
                                  const std::string& address);

/// Requests on their way per slot, summed over all backends, out of the answer to "show stat".
std::map<int, unsigned> parse_connections(const std::string& csv);

/// Whether an answer of the runtime API says that a command was not carried out.
bool is_refusal(const std::string& answer);

}  // namespace vmfleet::balancer
