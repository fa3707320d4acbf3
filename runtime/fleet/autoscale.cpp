#include "fleet/autoscale.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>

#include "support/error.hpp"

namespace vmfleet::fleet {

namespace {

constexpr std::array<const char*, 3> kMetrics{"cpu", "requests", "response"};
constexpr int kMinutesOfDay = 24 * 60;
constexpr int kMinutesOfWeek = 7 * kMinutesOfDay;
// Within this share of its target a metric asks for no change: else every ripple would be one.
constexpr double kTolerance = 0.1;

struct Wish {
  double count = 0;
  double seen = 0;
};

/// How many instances would have the metric at its target.
Wish wish(const Target& target, int healthy, const Load& load) {
  const double seen = target.metric == Metric::Cpu        ? 100 * load.cpu
                      : target.metric == Metric::Requests ? load.requests / healthy
                                                          : load.response_ms;
  return {healthy * seen / target.value, seen};
}

/// Minutes since an entry began the last time; nothing when it has no day.
std::optional<int> minutes_since(const Scheduled& entry, int minute_of_week) {
  std::optional<int> least;
  for (int day = 0; day < 7; ++day)
    if (entry.days >> day & 1) {
      const int began = day * kMinutesOfDay + entry.minute;
      const int since = (minute_of_week - began + kMinutesOfWeek) % kMinutesOfWeek;
      least = std::min(least.value_or(since), since);
    }
  return least;
}

}  // namespace

std::string to_string(Metric metric) {
  return kMetrics.at(static_cast<std::size_t>(metric));
}

Metric parse_metric(const std::string& text) {
  const auto found = std::find(kMetrics.begin(), kMetrics.end(), text);
  if (found == kMetrics.end())
    throw vmimage::support::invalid(fmt::format("'{}' is no metric", text),
                                    fmt::format("known are: {}", fmt::join(kMetrics, ", ")));
  return static_cast<Metric>(found - kMetrics.begin());
}

int minute_of_week(std::int64_t time) {
  const std::time_t seconds = time;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return (local.tm_wday * 24 + local.tm_hour) * 60 + local.tm_min;
}

Bounds bounds(const Autoscale& autoscale, int minute_of_week) {
  Bounds now{autoscale.least, autoscale.most};
  int latest = kMinutesOfWeek;
  for (const auto& entry : autoscale.schedule)
    if (const auto since = minutes_since(entry, minute_of_week); since && *since < latest) {
      latest = *since;
      now = {entry.least, entry.most};
    }
  return now;
}

Scale scale(const Autoscale& autoscale, int minute_of_week, int count, int healthy, const Load& load,
            Milliseconds changed, Milliseconds now) {
  const Bounds allowed = bounds(autoscale, minute_of_week);
  if (const int bounded = std::clamp(count, allowed.least, allowed.most); bounded != count)
    return {bounded, fmt::format("the bounds are {} to {}", allowed.least, allowed.most)};
  // What is on its way is not seen in the load yet.
  if (healthy == 0 || healthy != count || load.points == 0)
    return {count, {}};
  int wanted = 0;
  std::string reason;
  for (const auto& target : autoscale.targets) {
    const Wish wished = wish(target, healthy, load);
    const bool near = std::abs(wished.count - healthy) <= kTolerance * healthy;
    const int instances = near ? count : static_cast<int>(std::ceil(std::min(wished.count, 1e6)));
    if (instances >= wanted) {
      wanted = instances;
      reason = fmt::format("{} is {:.0f}, its target is {:.0f}", to_string(target.metric), wished.seen,
                           target.value);
    }
  }
  wanted = std::clamp(wanted, allowed.least, allowed.most);
  const bool too_soon = wanted < count && now - changed < autoscale.cooldown;
  if (autoscale.targets.empty() || wanted == count || too_soon)
    return {count, {}};
  return {wanted, reason};
}

}  // namespace vmfleet::fleet
