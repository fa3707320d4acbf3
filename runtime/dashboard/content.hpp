#pragma once
// What the dashboard shows of a fleet, as text for browsers and for Prometheus. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "fleet/history.hpp"
#include "fleet/status.hpp"

namespace vmfleet::dashboard {

/// A fleet at one moment, and in the minutes before.
struct Snapshot {
  fleet::Status status;
  std::vector<fleet::Point> points;
};

/// {"time": […], "desired": […], …}: a list for each figure, the oldest second first.
std::string history_json(const Snapshot& snapshot);

/// In the text format that Prometheus reads ("Exposition formats", version 0.0.4).
std::string metrics(const Snapshot& snapshot);

/// Whether the Host field of a request names this machine's loopback address. A page of somebody else's can
/// have its own name lead here (DNS rebinding), but not change this field.
bool is_loopback(const std::string& host);

}  // namespace vmfleet::dashboard
