#pragma once
// HAProxy's configuration and the words of its runtime API, as pure functions (HAProxy 2.6 configuration
// manual; management guide, section 9.3 "Unix Socket commands").

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "recipe/service.hpp"

namespace vmfleet::balancer {

namespace recipe = vmimage::recipe;

constexpr int kSlots =
    256;  ///< servers that a balancer can have at once: of two generations, and those that end

/// A port of the service that the balancer answers on.
struct Listener {
  std::uint16_t guest = 0;
  std::uint16_t host = 0;
  bool operator==(const Listener&) const = default;
};

enum class Mode { Off, Ready, Drain };

/// What a slot leads to; guest port → port at that address.
struct Route {
  Mode mode = Mode::Off;
  std::map<std::uint16_t, std::uint16_t> ports;
  std::string address = {};  ///< empty: the balancer's own
  bool operator==(const Route&) const = default;
};

struct Config {
  std::string fleet;
  std::string address = "127.0.0.1";
  bool ipv6 = false;  ///< on ::1, too
  std::vector<Listener> listeners;
  recipe::HealthCheck health;
  std::filesystem::path socket;  ///< of the runtime API
  bool drop_privileges = false;  ///< started as root: serve as nobody
  /// How instances are checked ("inter", "fall", "rise"; section 5.2).
  std::string check = "inter 2s fall 2 rise 1";
  /// Beyond this machine: the runtime API by TLS, for who has the certificate that the balancer has, too.
  struct Control {
    std::uint16_t port = 0;
    std::filesystem::path pem;  ///< certificate and key
    bool operator==(const Control&) const = default;
  };
  std::optional<Control> control = {};
  /// What the slots lead to from the first moment on: only those that are ready count.
  std::map<int, Route> routes = {};
};

/// Every server is a slot, set and switched through the runtime API: no reload is needed when instances come
/// and go.
std::string to_text(const Config& config);

/// The runtime API's commands that give slot `slot` (from 1) this route, in the listeners' backends.
std::vector<std::string> commands(int slot, const Route& route, const std::vector<Listener>& listeners,
                                  const std::string& address);

/// What HAProxy counts of one slot; all but `connections` and `response_ms` grow until it is started again.
struct ServerStatistics {
  unsigned connections = 0;  ///< requests on their way, summed over all listeners
  std::uint64_t requests =
      0;                     ///< answered by the main listener's backend (connections, where it is not HTTP)
  std::uint64_t errors = 0;  ///< of these: status 5xx, no connection, no answer
  double response_ms = 0;    ///< mean over the last 1024 requests; HTTP only
  bool operator==(const ServerStatistics&) const = default;
};

/// By slot, out of the answer to "show stat" (management guide, section 9.1 "CSV format"); the rows of the
/// main listener's backend are those of `main`.
std::map<int, ServerStatistics> parse_statistics(const std::string& csv, std::uint16_t main);

/// How HAProxy sees an instance that it checks.
struct ServerSight {
  int slot = 0;
  std::string address = {};  ///< "host:port"
  Mode mode = Mode::Off;
  bool healthy = false;      ///< by its checks; without checks: it is not known to be unhealthy
  std::string problem = {};  ///< why not
  std::uint64_t since = 0;   ///< seconds since it came up or went down
  ServerStatistics statistics = {};
};
/// Those of the main listener's backend that lead somewhere, out of the same answer, and that to "show
/// servers state" (section 9.3): the first one does not tell whether one that is down drains.
std::vector<ServerSight> parse_servers(const std::string& csv, const std::string& state, std::uint16_t main);

/// Whether an answer of the runtime API says that a command was not carried out.
bool is_refusal(const std::string& answer);

}  // namespace vmfleet::balancer
