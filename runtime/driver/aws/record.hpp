#pragma once
// What a fleet's stack keeps of it, as metadata of its Auto Scaling group in the template: whoever may look
// at the stack can go on with the fleet, from any machine. What CloudFormation takes back, takes it back,
// too. Pure.

#include <optional>
#include <string>
#include <vector>

#include "fleet/rollout.hpp"
#include "fleet/spec.hpp"

namespace vmfleet::driver::aws {

using ordered_json = nlohmann::ordered_json;

/// What instances are made of.
struct Launch {
  fleet::Spec spec;    ///< its image, settings and size
  std::string digest;  ///< of the image
  std::string ami;
  std::string instance_type;
  std::vector<vmimage::recipe::Port> ports;
  vmimage::recipe::HealthCheck health;
  bool operator==(const Launch&) const = default;
};

/// Where they are.
struct Network {
  std::string vpc;
  std::vector<std::string> subnets;
  bool operator==(const Network&) const = default;
};

struct Record {
  fleet::Spec spec;  ///< what the fleet shall be
  bool stopped = false;
  Network network;
  std::string time_zone = "Etc/UTC";  ///< of schedules
  Launch launch;
  std::optional<Launch> before;  ///< that it can go back to
  fleet::Rollout rollout;        ///< the last one: its number, rules, what it goes from and to
  bool operator==(const Record&) const = default;

  /// The main port, which the fleet's address leads to.
  std::uint16_t port() const { return launch.ports.front().number; }
  std::uint16_t front_port() const { return spec.port != 0 ? spec.port : port(); }
};

/// Whether instances made of one are of no use for the other.
bool differ(const Launch& one, const Launch& other);

ordered_json to_json(const Record& record);
/// Throws Error{Failure} that starts with `where` when it is none of ours, or a later version's.
Record parse_record(const ordered_json& document, const std::string& where);

/// How many instances an Auto Scaling group is told to have.
struct Sizes {
  int least = 0;
  int most = 0;
  std::optional<int> desired;  ///< nothing: the load says
  bool operator==(const Sizes&) const = default;
};
Sizes sizes(const Record& record);

}  // namespace vmfleet::driver::aws
