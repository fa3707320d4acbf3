#pragma once
// Talking to the supervisor of a fleet; when there is none, one is started.

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "fleet/status.hpp"
#include "supervisor/place.hpp"

namespace vmfleet::supervisor {

class Client {
 public:
  explicit Client(Place place) : place_(std::move(place)) {}
  const Place& place() const { return place_; }

  /// Sends an order ({"command": …}); returns the answer. Throws the Error that the supervisor answered with.
  vmimage::support::json order(const vmimage::support::json& order);
  fleet::Status status();

  /// Orders `stop` or `down` and waits until that is done and no process of the fleet is left. Throws when it
  /// takes longer than `limit`.
  void end(const std::string& command, std::chrono::milliseconds limit = std::chrono::minutes(2));

 private:
  std::string ask(const std::string& question);
  Place place_;
};

/// The status of a fleet as its state file has it, for one that is stopped; nothing when it is not.
std::optional<fleet::Status> stopped_status(const Place& place);

}  // namespace vmfleet::supervisor
