#pragma once
// Instances that are resumed before they are wanted, and stand by, stopped. What takes most of a resumed
// machine's time, its process and the guest's first steps, is behind them.

#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "driver/local/snapshots.hpp"

namespace vmfleet::driver {

class WarmPool {
 public:
  /// `root`: the fleet's folder. What an earlier process had standing by is ended.
  WarmPool(const std::filesystem::path& root, Snapshots& snapshots);
  ~WarmPool();
  WarmPool(const WarmPool&) = delete;
  WarmPool& operator=(const WarmPool&) = delete;

  /// These shall stand by, as soon as there is a snapshot of their kind, and no others. Returns at once.
  void set(const std::vector<Launch>& next);
  int ready();
  /// The one that stands by for this launch, with an identity of its own once more; nothing: there is none.
  std::optional<Running> take(const Launch& launch);

 private:
  struct Entry {
    Launch launch;
    Running running;
    Mac mac;
  };
  void work(const std::stop_token& stop);
  std::optional<Launch> missing() const;
  std::optional<std::string> superfluous() const;
  Running make(const Launch& launch, const Mac& mac) const;
  void end(const Launch& launch, const Running& running) const;
  std::filesystem::path mark_of(const std::string& id) const { return folder_ / id; }

  std::filesystem::path folder_;  ///< a file for each, so that the next process finds it
  Snapshots& snapshots_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool news_ = false;
  std::vector<Launch> wanted_;
  std::map<std::string, Entry> ready_;
  std::string making_;   ///< whose files the worker is using
  int takers_ = 0;       ///< those who wait for the worker to end that
  std::jthread worker_;  ///< last: it ends before the rest goes
};

}  // namespace vmfleet::driver
