#include "fleet/plan.hpp"

#include <algorithm>

namespace vmfleet::fleet {

namespace {

bool serves(const Instance& instance) {
  return instance.state == State::Starting || instance.state == State::Healthy ||
         instance.state == State::Unhealthy;
}

/// The ones that serve, those to be given up first in front: what does not answer, then the youngest.
std::vector<const Instance*> serving(const Observed& observed, bool current, const std::string& generation) {
  std::vector<const Instance*> list;
  for (const auto& instance : observed.instances)
    if (serves(instance) && (instance.generation == generation) == current)
      list.push_back(&instance);
  std::reverse(list.begin(), list.end());
  std::stable_partition(list.begin(), list.end(), [](auto* one) { return one->state != State::Healthy; });
  return list;
}

int healthy(const std::vector<const Instance*>& list) {
  return static_cast<int>(
      std::count_if(list.begin(), list.end(), [](auto* one) { return one->state == State::Healthy; }));
}

/// One that is on its way out goes on with it. One that does not answer has nothing to finish.
void go_on_ending(const Instance& one, const Observed& observed, const Rules& rules,
                  std::vector<Action>& actions) {
  const auto age = observed.now - one.since;
  if (one.state == State::Draining) {
    if (!one.alive)
      actions.push_back({ActionKind::Forget, one.id});
    else if (one.connections == 0 || age >= rules.drain_limit)
      actions.push_back({ActionKind::PowerOff, one.id});
  } else if (one.state == State::Stopping) {
    if (!one.alive)
      actions.push_back({ActionKind::Forget, one.id});
    else if (age >= rules.stop_limit)
      actions.push_back({ActionKind::Kill, one.id});
  } else if (one.state == State::Failed && one.alive) {
    actions.push_back({ActionKind::Kill, one.id});
  }
}

void end(const Instance& one, std::vector<Action>& actions) {
  // A machine that is still booting does not listen to its power button, and nobody waits for its answer.
  actions.push_back({one.state == State::Starting ? ActionKind::Kill : ActionKind::Drain, one.id});
}

void end_first(const std::vector<const Instance*>& list, int number, std::vector<Action>& actions) {
  for (int i = 0; i < number && i < static_cast<int>(list.size()); ++i)
    end(*list[static_cast<std::size_t>(i)], actions);
}

}  // namespace

std::vector<Action> plan(const Desired& desired, const Observed& observed, const Rules& rules) {
  std::vector<Action> actions;
  for (const auto& instance : observed.instances)
    go_on_ending(instance, observed, rules, actions);

  const auto current = serving(observed, true, desired.generation);
  const auto outdated = serving(observed, false, desired.generation);
  const int have = static_cast<int>(current.size());
  const int old = static_cast<int>(outdated.size());
  end_first(current, have - desired.count, actions);

  // Of the old ones, those that do not answer go at once; of the others as many as new ones have taken over.
  const int ready = std::min(healthy(current), desired.count);
  const int keep = std::max(0, desired.count - ready);
  end_first(outdated, std::max(old - healthy(outdated), old - keep), actions);

  // Failed ones stay in sight until they are replaced.
  const bool held = observed.now < held_until(observed.backoff, rules);
  for (const auto& instance : observed.instances)
    if (instance.state == State::Failed && !instance.alive && (!held || desired.count == 0))
      actions.push_back({ActionKind::Forget, instance.id});
  const int replacing = healthy(outdated);
  const int limit = replacing > 0 ? desired.count + rules.surge - replacing : desired.count;
  const int missing = std::min(desired.count, limit) - have;
  for (int i = 0; i < missing && !held; ++i)
    actions.push_back({ActionKind::Start, {}});
  return actions;
}

bool settled(const Desired& desired, const std::vector<Instance>& instances) {
  return static_cast<int>(instances.size()) == desired.count &&
         std::all_of(instances.begin(), instances.end(), [&](const Instance& one) {
           return one.state == State::Healthy && one.generation == desired.generation;
         });
}

}  // namespace vmfleet::fleet
