#pragma once
// The snapshots of one fleet: which there are, who waits for one, and the thread that makes them.

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "driver/local/snapshot.hpp"

namespace vmfleet::driver {

class Snapshots {
 public:
  /// `root`: the fleet's folder. What an earlier process was making is removed.
  explicit Snapshots(std::filesystem::path root);

  /// Starts a machine: from a snapshot where there is one or soon will be, else from its first instruction;
  /// the result says which, and why. The first of a kind does not wait for a snapshot, but has one made.
  /// Throws Error; also when `stop` is asked for while it waits.
  Running start(const Launch& launch, const std::stop_token& stop);
  /// An instance is gone. No snapshot is made for nobody: one of an image that never gets healthy would hold
  /// up those of others for minutes.
  void forget(const std::string& id);
  /// The snapshot that this launch would be resumed from, when there is one already.
  std::optional<Snapshot> find(const Launch& launch) const;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Phase { Planned, Making, Ready, Failed };
  /// Launches that can be resumed from the same snapshot.
  struct Kind {
    Launch of;  ///< one of them
    Phase phase = Phase::Planned;
    Clock::time_point when;            ///< planned: it is made then; failed: it failed then
    std::string problem;               ///< why it failed
    std::set<std::string> users = {};  ///< the instances started with it
    std::stop_source give_up = {};     ///< while it is made
  };
  struct Choice {
    std::optional<Snapshot> snapshot;
    std::string reason;  ///< why there is none
  };
  Choice choose(const Launch& launch, const std::string& name, const std::stop_token& stop);
  void work(const std::stop_token& stop);
  void make(const std::string& name, Kind& kind, const std::stop_token& stop);
  void plan(Kind& kind, const Launch& launch, Clock::time_point when);
  void fail(const std::string& name, const std::string& problem);
  Snapshot at(const std::string& name) const { return {folder_ / name}; }
  void make_room() const;

  std::filesystem::path folder_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Kind> kinds_;
  std::jthread worker_;  ///< last: it ends before the rest goes
};

}  // namespace vmfleet::driver
