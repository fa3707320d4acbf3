#pragma once
// How many instances a load asks for: target tracking and scheduled counts, as Auto Scaling groups have them.
// Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "fleet/history.hpp"

namespace vmfleet::fleet {

/// What is kept near its target: mean use of the instances' processors (percent of what they have), answered
/// requests per second and instance, mean response time (milliseconds).
enum class Metric { Cpu, Requests, Response };
std::string to_string(Metric metric);          ///< "cpu" | "requests" | "response"
Metric parse_metric(const std::string& text);  ///< throws Error{Usage}

struct Target {
  Metric metric = Metric::Cpu;
  double value = 0;
  bool operator==(const Target&) const = default;
};

/// From a time of day on, in local time, other bounds hold, until those of the next entry.
struct Scheduled {
  int minute = 0;         ///< of the day
  std::uint8_t days = 0;  ///< bit 0: Sunday, as tm_wday
  int least = 0;
  int most = 0;
  bool operator==(const Scheduled&) const = default;
};

struct Autoscale {
  int least = 1;
  int most = 1;
  std::vector<Target> targets;                      ///< the one that asks for most counts
  Milliseconds cooldown = std::chrono::minutes(5);  ///< after a change, before it is made smaller
  std::vector<Scheduled> schedule;
  bool operator==(const Autoscale&) const = default;
};

struct Bounds {
  int least = 0;
  int most = 0;
  bool operator==(const Bounds&) const = default;
};
/// Of local time; `time`: seconds since the epoch.
int minute_of_week(std::int64_t time);
/// Those that hold at a minute of the week (0: Sunday 00:00).
Bounds bounds(const Autoscale& autoscale, int minute_of_week);

struct Scale {
  int count = 0;
  std::string reason;  ///< for people; empty: no change
};

/// The count that is wanted now; `healthy` instances carry the load, the last change was `changed`. A load
/// without points is not known.
Scale scale(const Autoscale& autoscale, int minute_of_week, int count, int healthy, const Load& load,
            Milliseconds changed, Milliseconds now);

}  // namespace vmfleet::fleet
