#pragma once
// What a fleet did in the last minutes, as charts show it and autoscaling goes by it. Pure.
//
// Once a second (due()) the supervisor adds what it sees: counters of each instance, which only grow, and
// figures of the moment. Out of that come
//   points()     the fleet's series, one point per second, the oldest first, at most kKept of them;
//   rate(id)     what one instance does now: the mean of the last kRateSeconds;
//   load(window) the mean over the last points of the fleet: what a target is compared with.
// A counter that has become smaller has started anew (its balancer did): what it says now is what was added.
// The totals of an instance go on from there. The first sight of an instance adds nothing: its slot at the
// balancer may have counted for another one.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "fleet/instance.hpp"

namespace vmfleet::fleet {

/// One instance at one moment.
struct Sample {
  std::string id;
  bool healthy = false;  ///< it is one of those that get requests: the means per instance are over these
  int cpus = 1;
  double cpu_seconds = 0;  ///< counter
  std::uint64_t memory = 0;
  std::uint64_t requests = 0;  ///< counter
  std::uint64_t errors = 0;    ///< counter
  unsigned connections = 0;
  double response_ms = 0;  ///< a recent mean
};

/// What one instance does.
struct Rate {
  double cpu = 0;                    ///< share of its processors, 0 to 1
  double requests = 0;               ///< per second
  double errors = 0;                 ///< per second
  double response_ms = 0;            ///< 0: nothing was asked
  unsigned connections = 0;          ///< now
  std::uint64_t requests_total = 0;  ///< since it was first seen
  std::uint64_t errors_total = 0;
};

/// The fleet in one second.
struct Point {
  Milliseconds at{0};     ///< monotonic
  std::int64_t time = 0;  ///< seconds since the epoch
  int desired = 0;
  int healthy = 0;
  int instances = 0;
  double cpu = 0;          ///< mean share of the healthy ones' processors, 0 to 1
  double requests = 0;     ///< per second, of all
  double errors = 0;       ///< per second, of all
  double response_ms = 0;  ///< mean over the requests; 0: there was none
  unsigned connections = 0;
  std::uint64_t memory = 0;
};

/// The mean over a while.
struct Load {
  int points = 0;           ///< that it is made of; 0: nothing is known
  double cpu = 0;           ///< share of a healthy instance's processors, 0 to 1
  double requests = 0;      ///< per second, of all
  double per_instance = 0;  ///< the same per healthy instance
  double errors = 0;        ///< per second, of all
  double response_ms = 0;   ///< mean over the requests; 0: there was none
};

class History {
 public:
  static constexpr Milliseconds kStep{1000};
  static constexpr std::size_t kKept = 600;
  static constexpr std::size_t kRateSeconds = 5;

  bool due(Milliseconds now) const;
  void add(Milliseconds now, std::int64_t time, int desired, const std::vector<Sample>& samples);

  const std::deque<Point>& points() const { return points_; }
  Rate rate(const std::string& id) const;  ///< all zero for one that is not known
  Load load(Milliseconds window) const;    ///< back from the last point

 private:
  /// Counters of one instance that never become smaller.
  struct Counted {
    Milliseconds at{0};
    double cpu_seconds = 0;
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
  };
  struct Track {
    Sample last;
    std::deque<Counted> counted;  ///< of the last seconds, the oldest first
  };
  static Counted advance(Track& track, Milliseconds now, const Sample& sample);

  std::deque<Point> points_;
  std::map<std::string, Track> tracks_;
};

}  // namespace vmfleet::fleet
