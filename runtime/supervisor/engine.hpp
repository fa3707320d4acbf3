#pragma once
// The heart of a supervisor: looks at the instances, has the next steps planned, takes them. All that it
// needs of the outside comes in through narrow seams, so that tests run it without any machine.

#include <functional>
#include <memory>
#include <set>

#include "balancer/balancer.hpp"
#include "driver/machines.hpp"
#include "fleet/history.hpp"
#include "fleet/plan.hpp"
#include "fleet/status.hpp"
#include "health/monitor.hpp"
#include "supervisor/place.hpp"
#include "supervisor/state.hpp"

namespace vmfleet::supervisor {

struct Outside {
  driver::Machines& machines;
  health::Checks& checks;
  balancer::Balancer& balancer;
  std::function<fleet::Milliseconds()> now;  ///< monotonic, the same for all processes until the host's boot
  std::function<std::int64_t()> wall;        ///< seconds since the epoch
};

class Engine {
 public:
  /// `state` is what an earlier supervisor left, or empty.
  Engine(Place place, FleetState state, const Outside& outside);

  /// One look and what follows from it. Throws nothing that a later tick could not put right.
  void tick();
  /// All is as it shall be, as of the last tick: what changes that rings, or may be noticed a second later.
  bool at_rest() const { return at_rest_; }
  /// Nothing is left to do: the fleet is stopped or removed, and none of its processes runs.
  bool finished() const;
  bool empty() const { return !state_.current; }
  const FleetState& state() const { return state_; }
  Mode mode() const { return state_.mode; }

  struct Change {
    bool changed = false;
    bool was_stopped = false;
  };
  /// The fleet shall be this; `image` and `manifest` are stored; `rules` are those of the rollout that
  /// follows, absent: the spec's. Throws Error, and nothing has changed.
  Change apply(const fleet::Spec& spec, const std::string& manifest,
               const std::optional<fleet::RolloutRules>& rules = {});
  /// Back to what it was before the last apply().
  void undo();
  /// Back to the instances that there were before these. Throws Error{Usage} when there were none.
  void roll_back(const std::string& reason);
  void scale(int count, const std::string& reason = "");
  void autoscale(const std::optional<fleet::Autoscale>& autoscale);
  void restart();
  void set_mode(Mode mode);
  void drop_volumes();  ///< with the fleet that is being removed
  /// Powers all instances off with the machine that they run on; the next supervisor starts them again.
  void halt();
  /// Sets an instance aside: no requests, replaced, kept. Throws Error{Usage} when there is none, or when it
  /// is on its way out.
  void debug(const std::string& id);
  void end_debug(const std::string& id);  ///< powers it off
  fleet::Status status();
  const fleet::History& history() const { return history_; }

 private:
  void take_over();
  void begin_after_boot();
  void look_at(Record& record);
  void forsake();
  void begin_rollout(const fleet::RolloutRules& rules, bool back, const std::string& reason);
  void go_on_rolling();
  void watch_load();
  void follow_load();
  std::string last_words() const;
  void enter(Record& record, fleet::State state, const std::string& text);
  void act(const fleet::Action& action);
  void start_instances(const std::vector<fleet::Action>& actions);
  void add_instance(const Deployment& wanted, int volumes);
  Record new_record(const Deployment& wanted, int number);
  void prepare_next();
  void count_failure(const std::string& generation, std::optional<fleet::Milliseconds> healthy_since);
  void forget(const std::string& id);
  void remember(const Record& record);
  std::string reason_to_end(const Record& record) const;
  void route();
  void serve(const Deployment& deployment);
  void require_room();
  void store_image(const fleet::Spec& spec, const recipe::Manifest& manifest, const std::string& text);
  bool is_overwritten(const std::string& digest) const;
  void drop_unused_images() const;
  void reread_secrets();
  void drop_unused_secrets() const;
  void trim_logs() const;
  bool save();
  void bound_logs() const;
  void note(const std::string& event, const std::string& instance, const std::string& text) const;

  bool active() const { return state_.mode == Mode::Running && !halting_; }
  fleet::Desired desired();
  fleet::Rules rules() const;
  /// The deployment that makes instances of this generation; nullptr: none does any more.
  const Deployment* deployment_of(const std::string& generation) const;
  std::vector<fleet::Instance> instances();
  Record* find(const std::string& id);
  int free_slot() const;
  std::shared_ptr<const recipe::Manifest> manifest_of(const std::string& digest);
  driver::Launch launch_of(const Record& record);
  std::string endpoint();

  Place place_;
  FleetState state_;
  Outside outside_;
  std::optional<FleetState> saved_;
  std::string unsaved_;  ///< why the state could not be written
  std::string problem_;
  bool halting_ = false;
  bool at_rest_ = false;
  bool serving_ = false;                                  ///< the balancer has been told what it balances
  bool balanced_ = true;                                  ///< and where to
  std::map<int, balancer::Route> routes_;                 ///< what its slots lead to
  std::set<std::string> ready_;                           ///< those that get requests
  std::map<int, balancer::ServerStatistics> statistics_;  ///< of the balancer's slots
  fleet::History history_;
  std::map<std::string, std::shared_ptr<const recipe::Manifest>> manifests_;
};

/// The port that a fleet's address leads to: the one of the health check, else the image's first TCP port; 0:
/// none.
std::uint16_t main_port(const recipe::Manifest& manifest);

}  // namespace vmfleet::supervisor
