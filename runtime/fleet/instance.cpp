#include "fleet/instance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "support/error.hpp"

namespace vmfleet::fleet {

namespace {

constexpr std::array<const char*, 7> kStates{"starting", "healthy", "unhealthy", "draining",
                                             "stopping", "failed",  "debug"};

}  // namespace

std::string to_string(State state) {
  return kStates.at(static_cast<std::size_t>(state));
}

State parse_state(const std::string& text) {
  const auto found = std::find(kStates.begin(), kStates.end(), text);
  if (found == kStates.end())
    throw vmimage::support::invalid(fmt::format("'{}' is no state of an instance", text));
  return static_cast<State>(found - kStates.begin());
}

State next_state(State state, Milliseconds since, const Sighting& sighting, Milliseconds now,
                 const Rules& rules) {
  if (state == State::Draining || state == State::Stopping || state == State::Failed || state == State::Debug)
    return state;
  if (!sighting.alive || sighting.lost)
    return State::Failed;
  switch (state) {
    case State::Starting:
      if (sighting.healthy.value_or(false))
        return State::Healthy;
      return now - since >= rules.start_limit ? State::Failed : State::Starting;
    case State::Healthy:
      return sighting.failed_checks >= rules.failed_checks ? State::Unhealthy : State::Healthy;
    default:
      if (sighting.healthy.value_or(false) && sighting.passed_checks >= rules.passed_checks)
        return State::Healthy;
      return now - since >= rules.unhealthy_limit ? State::Failed : State::Unhealthy;
  }
}

Backoff after_failure(const Backoff& backoff, std::optional<Milliseconds> healthy_since, Milliseconds now,
                      const Rules& rules) {
  const bool quick = !healthy_since || now - *healthy_since < rules.stable;
  return quick ? Backoff{backoff.failures + 1, now} : Backoff{};
}

Milliseconds held_until(const Backoff& backoff, const Rules& rules) {
  if (backoff.failures == 0)
    return Milliseconds::min();
  const int doublings = std::min(backoff.failures - 1, 20);
  return backoff.last_failure + std::min(rules.longest_delay, rules.first_delay * (1 << doublings));
}

}  // namespace vmfleet::fleet
