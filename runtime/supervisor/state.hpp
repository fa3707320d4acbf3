#pragma once
// All that a supervisor knows of its fleet, as JSON: whoever reads it can take over. Pure.

#include <optional>
#include <string>
#include <vector>

#include "balancer/config.hpp"
#include "driver/machines.hpp"
#include "fleet/instance.hpp"
#include "fleet/rollout.hpp"
#include "fleet/spec.hpp"
#include "fleet/status.hpp"

namespace vmfleet::supervisor {

namespace recipe = vmimage::recipe;

constexpr int kStateVersion = 1;
constexpr std::size_t kKeptGone = 20;  ///< of the instances that are gone

enum class Mode { Running, Stopped, Removing };
std::string to_string(Mode mode);

/// What the fleet shall be.
struct Deployment {
  fleet::Spec spec;
  std::string digest;  ///< of the image, without its prefix: the name of its folder
  int restarts = 0;
  std::string secrets = {};  ///< digest of their contents: the name of their folder; empty: there are none
  bool operator==(const Deployment&) const = default;

  /// Equal for two that make the same instances.
  std::string generation() const;
};

/// One instance.
struct Record {
  std::string id;
  int slot = 0;  ///< at the balancer
  std::string generation;
  std::string digest;  ///< of its image
  std::string image;   ///< as it was given
  recipe::Size size;
  fleet::State state = fleet::State::Starting;
  fleet::Milliseconds since{0};
  std::optional<fleet::Milliseconds> healthy_since;
  std::int64_t started_at = 0;  ///< seconds since the epoch
  std::string cause;            ///< of its failure
  std::string reason;           ///< why it is ended
  int volumes = 0;              ///< the number of the set that it holds until it is gone; 0: none
  std::optional<driver::Running> running;
  std::string address = {};  ///< that it has on a bridge, once it is known
  bool operator==(const Record&) const = default;

  /// Where a machine of it is reached; empty: that is not known yet.
  std::string host(const driver::Running& machine) const { return machine.bridged ? address : "127.0.0.1"; }
};

struct FleetState {
  Mode mode = Mode::Running;
  std::optional<Deployment> current;
  std::optional<Deployment> previous;  ///< the last one with other instances: what a rollback goes back to
  std::optional<Deployment> older;     ///< what `previous` was before the last change, if that proves bad
  std::optional<Deployment> before;    ///< what there was before the last order to change
  fleet::Rollout rollout;
  fleet::Milliseconds scaled{0};  ///< when the count was last changed
  bool drop_volumes = false;      ///< they go with the fleet
  int next_number = 1;
  std::string boot_id;
  fleet::Backoff backoff;
  std::vector<balancer::Listener> listeners;  ///< the main one first
  std::vector<Record> instances;              ///< oldest first
  std::vector<fleet::GoneInstance> gone;      ///< the last kKeptGone
  bool operator==(const FleetState&) const = default;

  /// Those that may still be wanted again.
  std::vector<const Deployment*> deployments() const;
};

std::string to_json(const FleetState& state);
FleetState parse_state(const std::string& text, const std::string& where);

}  // namespace vmfleet::supervisor
