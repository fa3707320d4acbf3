#pragma once
// What a fleet is right now, as JSON for programs and as a table for people. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fleet/history.hpp"
#include "fleet/rollout.hpp"
#include "support/json.hpp"

namespace vmfleet::fleet {

struct InstanceStatus {
  std::string id;
  State state = State::Starting;
  std::string image;
  std::string address;          ///< host:port that leads to its first port; empty until it is known
  std::int64_t started_at = 0;  ///< seconds since the epoch
  bool current = true;          ///< made from what the spec says now
  int pid = 0;                  ///< 0: no machine runs
  std::uint64_t memory = 0;     ///< bytes of the host's memory in use
  double cpu_seconds = 0;
  std::string confinement = {};  ///< what keeps its machine from the rest of the host
  std::string start = {};        ///< "warm", or "cold: <why>"; empty: not known
  std::string limits = {};       ///< what holds its machine to its size
  Rate rate = {};
};

/// A set of volumes: what one instance of the fleet holds.
struct VolumeStatus {
  int number = 0;
  std::string folder;
  std::uint64_t size = 0;  ///< bytes on the disk
  std::string instance;    ///< that holds it; empty: none does
  bool operator==(const VolumeStatus&) const = default;
};

/// One that was.
struct GoneInstance {
  std::string id;
  std::string image;
  std::int64_t started_at = 0;  ///< seconds since the epoch
  std::int64_t ended_at = 0;
  std::string reason;  ///< why it ended
  bool operator==(const GoneInstance&) const = default;
};

/// The change under way, or the last one.
struct RolloutStatus {
  int number = 0;  ///< 0: there was none yet
  std::string strategy;
  std::string phase;
  std::string from;
  std::string to;
  bool back = false;
  std::string reason;  ///< why it goes back
};

struct Status {
  std::string name;
  std::string driver;
  std::string image;
  std::string mode;  ///< running | stopped | removing | down: it is gone and has left volumes
  int desired = 0;
  std::string endpoint;                      ///< empty: the image has no TCP port
  std::string dashboard;                     ///< its address; empty: there is none
  std::map<std::string, std::string> ports;  ///< guest port → address that leads to it
  bool settled = false;                      ///< it is what it shall be
  int warm_pool = 0;                         ///< instances that stand by, stopped
  int quick_failures = 0;                    ///< of new instances, in a row
  std::string problem;                       ///< why the last health check or start failed; empty: it did not
  RolloutStatus rollout;
  Load load;  ///< of the last seconds
  std::vector<InstanceStatus> instances;
  std::vector<VolumeStatus> volumes = {};
  std::vector<GoneInstance> gone;  ///< the last ones, the one that ended first in front

  int healthy() const;
  /// "ok", "changing", "degraded" (fewer answer than shall) or "failed" (none does, and new ones fail too).
  std::string health() const;
};

/// For people and programs to read: no more digits than are meant.
double rounded(double number);

vmimage::support::json to_json(const Status& status);
Status parse_status(const vmimage::support::json& document);

/// The table of `vmfleet status`; `now` in seconds since the epoch.
std::string render(const Status& status, std::int64_t now);
/// A text on a terminal of so many rows, over the one before: what has not changed does not flicker.
std::string redraw(const std::string& text, int rows);
/// The table of `vmfleet list`.
std::string render_list(const std::vector<Status>& fleets);

/// "2026-01-31T12:00:00Z"
std::string to_iso8601(std::int64_t seconds);
/// "42 s", "3 min", "5 h", "2 d"
std::string format_age(std::int64_t seconds);

}  // namespace vmfleet::fleet
