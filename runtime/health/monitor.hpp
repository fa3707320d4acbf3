#pragma once
// Health checks of many instances at once: each in a thread of its own, so that one that hangs holds up
// nobody.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "recipe/service.hpp"

namespace vmfleet::health {

namespace recipe = vmimage::recipe;

/// What is known of one instance's health.
struct Verdict {
  std::optional<bool> healthy;  ///< the last check; nothing: none has ended yet
  int failed_checks = 0;        ///< in a row
  int passed_checks = 0;        ///< in a row
  std::string cause;            ///< of those that failed in a row, each said once
  bool lost = false;            ///< its machine has stopped for good
  std::string address = {};     ///< where the last check went
};

/// Where a check goes.
struct Target {
  recipe::HealthCheck check;
  std::string address = "127.0.0.1";         ///< empty: its guest line is asked
  std::uint16_t port = 0;                    ///< at that address
  std::string monitor;                       ///< path of the machine's QMP socket
  std::string guest_line = {};               ///< path of its socket; empty: its address is that and no other
  std::chrono::milliseconds interval{1000};  ///< between two checks, once it has answered
  std::chrono::milliseconds timeout{3000};   ///< of one check
  bool operator==(const Target&) const = default;
};

/// The seam to the fleet's engine.
class Checks {
 public:
  virtual ~Checks() = default;
  virtual void watch(const std::string& id, const Target& target) = 0;  ///< again: nothing happens
  virtual void forget(const std::string& id) = 0;
  virtual Verdict verdict(const std::string& id) = 0;
};

class Monitor : public Checks {
 public:
  /// `changed` is called from another thread when an instance has become healthy, or is no longer.
  explicit Monitor(std::function<void()> changed) : changed_(std::move(changed)) {}
  ~Monitor() override;
  void watch(const std::string& id, const Target& target) override;
  void forget(const std::string& id) override;
  Verdict verdict(const std::string& id) override;

 private:
  /// One instance's thread; it outlives its instance until its last check has ended.
  struct Watcher {
    std::mutex mutex;
    std::condition_variable changed;
    bool stop = false;
    bool ended = false;
    Verdict verdict;
    std::thread thread;
  };
  void run(Watcher& watcher, Target target) const;
  void reap();

  std::function<void()> changed_;
  std::map<std::string, std::unique_ptr<Watcher>> watchers_;
  std::list<std::unique_ptr<Watcher>> leaving_;
};

}  // namespace vmfleet::health
