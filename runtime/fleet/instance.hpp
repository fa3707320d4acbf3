#pragma once
// The life of one instance: its states, and how it goes from one to the next by what is seen of it. Pure.
//
//   starting ─▶ healthy ◀─▶ unhealthy
//       └──────────┴────────────┴──▶ draining ─▶ stopping ─▶ (gone)
//       └──────────┴────────────┴──▶ failed   ─▶ (gone)
//       └──────────┴────────────┴──▶ debug ─▶ stopping ─▶ (gone)
//
// One in `debug` has been set aside by somebody who wants to look at it: it gets no requests, and another one
// takes its place.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace vmfleet::fleet {

using Milliseconds = std::chrono::milliseconds;

enum class State { Starting, Healthy, Unhealthy, Draining, Stopping, Failed, Debug };

std::string to_string(State state);
State parse_state(const std::string& text);  ///< throws Error{Usage}

/// What the rules of a fleet go by.
struct Rules {
  Milliseconds interval = std::chrono::seconds(1);          ///< between two checks of a healthy instance
  Milliseconds timeout = std::chrono::seconds(3);           ///< of one check
  Milliseconds start_limit = std::chrono::minutes(5);       ///< longer in `starting`: failed
  Milliseconds unhealthy_limit = std::chrono::seconds(15);  ///< longer in `unhealthy`: failed
  Milliseconds drain_limit = std::chrono::seconds(10);      ///< requests still open then are cut
  Milliseconds stop_limit = std::chrono::seconds(30);       ///< still running then: killed
  Milliseconds stable = std::chrono::seconds(10);           ///< healthy for so long: it did not fail quickly
  Milliseconds first_delay = std::chrono::seconds(1);       ///< before the start after a quick failure
  Milliseconds longest_delay = std::chrono::minutes(1);
  int failed_checks = 3;  ///< in a row, and a healthy instance is unhealthy
  int passed_checks = 1;  ///< in a row, and an unhealthy one is healthy again
  bool operator==(const Rules&) const = default;
};

/// What was seen of an instance just now.
struct Sighting {
  bool alive = true;
  std::optional<bool> healthy;  ///< the last health check; nothing: none has ended yet
  int failed_checks = 0;        ///< in a row
  int passed_checks = 0;        ///< in a row
  bool lost = false;            ///< it has stopped for good
};

/// The state that follows from what was seen; `since` and `now` are on one monotonic clock.
State next_state(State state, Milliseconds since, const Sighting& sighting, Milliseconds now,
                 const Rules& rules);

/// Instances that fail before they were healthy for a while hold up the next start, longer each time.
struct Backoff {
  int failures = 0;  ///< quick ones, in a row
  Milliseconds last_failure{0};
  bool operator==(const Backoff&) const = default;
};

Backoff after_failure(const Backoff& backoff, std::optional<Milliseconds> healthy_since, Milliseconds now,
                      const Rules& rules);
/// The time before which no instance is started.
Milliseconds held_until(const Backoff& backoff, const Rules& rules);

}  // namespace vmfleet::fleet
