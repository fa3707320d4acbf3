#pragma once
// Where fleets run: the seam between vmfleet's commands and an engine. docs/drivers.md has what a driver
// owes, and how one is added.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleet/event.hpp"
#include "fleet/spec.hpp"
#include "fleet/status.hpp"
#include "recipe/manifest.hpp"
#include "support/error.hpp"

namespace vmfleet::driver {

/// Who sees to it that a fleet becomes what it shall be, and stays so.
enum class Converges {
  ByUs,     ///< a supervisor of ours (supervisor/), by way of machines.hpp
  ByItself  ///< the engine: it is told what shall be
};

/// What a fleet shall be.
struct Wanted {
  fleet::Spec spec;
  vmimage::recipe::Manifest manifest;
  std::optional<fleet::RolloutRules> rollout = {};  ///< of the change to this; absent: the spec's
};

/// What becomes of a fleet's volumes when it goes.
enum class Volumes { Keep, Remove };

/// What an order has led to.
struct Change {
  bool changed = false;      ///< it was not so already
  bool was_stopped = false;  ///< and is not any more
  int rollout = 0;           ///< number of the rollout that follows, or of the last one
};

/// What an instance writes to its console, from the beginning that is kept.
class Log {
 public:
  virtual ~Log() = default;
  virtual std::string read() = 0;  ///< what is new since the last time
};

/// One fleet. Orders return once they are accepted; status() tells how it goes on. Each throws Error{Usage}
/// for what cannot be, and then nothing has changed, and Error{Failure} when the engine did not do it.
class Fleet {
 public:
  virtual ~Fleet() = default;
  virtual const std::string& name() const = 0;
  virtual bool exists() = 0;
  virtual std::optional<fleet::Spec> spec() = 0;  ///< what it shall be; nothing when there is none
  virtual fleet::Status status() = 0;

  /// Refuses what cannot be before anything starts, and says on standard error what is worth knowing.
  virtual void check(const Wanted& wanted) = 0;
  virtual Change apply(const Wanted& wanted) = 0;  ///< made when there is none
  /// What apply() would tell the engine, as people review it; what would change, on standard error. Only
  /// engines that take a document have one.
  virtual std::string plan(const Wanted& wanted) {
    throw vmimage::support::invalid("the driver '" + wanted.spec.driver + "' has no plan to show",
                                    "its fleets become what 'up' says at once");
  }
  virtual Change roll_back() = 0;  ///< to what it was before the last change; Usage: there is none
  virtual void undo() = 0;         ///< the same for a change that is under way
  virtual Change scale(int count) = 0;
  virtual void autoscale(const std::optional<fleet::Autoscale>& autoscale) = 0;
  virtual Change restart() = 0;  ///< replaces all instances, one after the other
  virtual Change start() = 0;
  virtual void stop() = 0;  ///< returns once no instance runs
  /// Returns once nothing of it is left, but for volumes that are kept; those of one that is gone can be
  /// removed, too.
  virtual void down(Volumes volumes) = 0;
  virtual std::string volumes() = 0;  ///< where its volumes are, for people; empty: it has none
  /// Sets an instance aside (no requests, replaced, kept), or ends one that was.
  virtual void debug(const std::string& id, bool end) = 0;

  virtual std::vector<fleet::Event> events() = 0;  ///< oldest first
  virtual std::vector<std::string> logged() = 0;   ///< instances that there are logs of, oldest first
  virtual std::unique_ptr<Log> log(const std::string& id) = 0;
};

class Driver {
 public:
  virtual ~Driver() = default;
  virtual const std::string& name() const = 0;  ///< as a spec has it
  virtual Converges converges() const = 0;
  virtual std::vector<std::string> fleets() = 0;  ///< that this machine knows of, sorted
  /// Gets to know those that were made from other machines, where these options lead to.
  virtual void find(const std::map<std::string, std::string>&) {}
  virtual std::vector<fleet::Status> gone() = 0;  ///< those that are gone, and have left volumes
  virtual std::unique_ptr<Fleet> fleet(const std::string& name) = 0;  ///< one that there is, or may be
};

/// All drivers that this program has; the first one is the default.
const std::vector<std::unique_ptr<Driver>>& drivers();
/// Throws Error{Usage} that names those that there are.
Driver& find_driver(const std::string& name);

}  // namespace vmfleet::driver
