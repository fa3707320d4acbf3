#pragma once
// Talking to the supervisor of a fleet; when there is none, one is started.

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "driver/driver.hpp"
#include "driver/local/process.hpp"
#include "fleet/status.hpp"
#include "supervisor/place.hpp"

namespace vmfleet::supervisor {

class Client {
 public:
  enum class Missing { Refuse, Make };
  /// A fleet that is not there is made, or refused.
  explicit Client(Place place, Missing missing = Missing::Refuse)
      : place_(std::move(place)), missing_(missing) {}
  const Place& place() const { return place_; }

  /// Sends an order ({"command": …}); returns the answer. Throws the Error that the supervisor answered with.
  vmimage::support::json order(const vmimage::support::json& order);
  fleet::Status status();

  /// Orders `stop` or `down` and waits until that is done and no process of the fleet is left. Throws when it
  /// takes longer than `limit`.
  using Volumes = driver::Volumes;
  void end(const std::string& command, Volumes volumes = Volumes::Keep,
           std::chrono::milliseconds limit = std::chrono::minutes(2));

 private:
  std::string ask(const std::string& question);
  void start_supervisor();
  void wait_for_supervisor(std::chrono::steady_clock::time_point until) const;
  Place place_;
  Missing missing_;
  std::optional<driver::ProcessId> supervisor_;  ///< that answered last
};

/// The status of a fleet as its state file has it, for one that is stopped; nothing when it is not.
std::optional<fleet::Status> stopped_status(const Place& place);

}  // namespace vmfleet::supervisor
