#include "fleet/plan.hpp"

#include <algorithm>

namespace vmfleet::fleet {

namespace {

/// The ones that serve, those to be given up first in front: what does not answer, then what has the volumes
/// of the highest number, then the youngest.
std::vector<const Instance*> serving(const Observed& observed, bool current, const std::string& generation) {
  std::vector<const Instance*> list;
  for (const auto& instance : observed.instances)
    if (serves(instance) && (instance.generation == generation) == current)
      list.push_back(&instance);
  std::reverse(list.begin(), list.end());
  std::stable_sort(list.begin(), list.end(), [](auto* a, auto* b) { return a->volumes > b->volumes; });
  std::stable_partition(list.begin(), list.end(), [](auto* one) { return one->state != State::Healthy; });
  return list;
}

int size(const std::vector<const Instance*>& list) {
  return static_cast<int>(list.size());
}

int healthy(const std::vector<const Instance*>& list) {
  return static_cast<int>(
      std::count_if(list.begin(), list.end(), [](auto* one) { return one->state == State::Healthy; }));
}

/// One that is on its way out goes on with it. One that does not answer has nothing to finish.
void go_on_ending(const Instance& one, const Desired& desired, const Observed& observed, const Rules& rules,
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
  } else if (one.state == State::Debug) {
    if (!one.alive)
      actions.push_back({ActionKind::Forget, one.id});
    else if (desired.over)
      actions.push_back({ActionKind::PowerOff, one.id});
  }
}

void end(const Instance& one, std::vector<Action>& actions) {
  // A machine that is still booting does not listen to its power button, and nobody waits for its answer.
  actions.push_back({one.state == State::Starting ? ActionKind::Kill : ActionKind::Drain, one.id});
}

/// Those of the desired generation that are too many end, and do not count any more.
void end_surplus(std::vector<const Instance*>& current, const Desired& desired,
                 std::vector<Action>& actions) {
  int surplus = size(current) - desired.count;
  std::erase_if(current, [&](const Instance* one) {
    const bool ends = one->volumes ? one->volumes > desired.count : surplus-- > 0;
    if (ends)
      end(*one, actions);
    return ends;
  });
}

void end_first(const std::vector<const Instance*>& list, int number, std::vector<Action>& actions) {
  for (int i = 0; i < number && i < size(list); ++i)
    end(*list[static_cast<std::size_t>(i)], actions);
}

/// The sets of volumes that nobody holds, the lowest number last.
std::vector<int> free_volumes(const Desired& desired, const Observed& observed) {
  std::vector<bool> held(static_cast<std::size_t>(desired.count) + 1);
  for (const auto& one : observed.instances)
    if (one.volumes <= desired.count)
      held[static_cast<std::size_t>(one.volumes)] = true;
  std::vector<int> free;
  for (int number = desired.count; number >= 1; --number)
    if (!held[static_cast<std::size_t>(number)])
      free.push_back(number);
  return free;
}

/// Those for which no volumes are free have to wait.
void start(const std::string& generation, int number, const Desired& desired, std::vector<int>& free,
           std::vector<Action>& actions) {
  const bool with_volumes = desired.with_volumes.contains(generation);
  for (int i = 0; i < number && !(with_volumes && free.empty()); ++i) {
    actions.push_back({ActionKind::Start, generation, with_volumes ? free.back() : 0});
    if (with_volumes)
      free.pop_back();
  }
}

/// Where instances hold volumes there is no room above the count.
Limits limits_of(const Desired& desired) {
  Rollout rollout = desired.rollout;
  if (desired.with_volumes.contains(desired.generation))
    rollout.rules.surge = {};
  return limits(rollout, desired.count);
}

/// How many instances of the desired generation are to be started, and how many old ones end for them.
struct Exchange {
  int starts = 0;
  int ends = 0;
};

Exchange exchange(const Desired& desired, const std::vector<const Instance*>& current,
                  const std::vector<const Instance*>& outdated) {
  const int old = healthy(outdated);
  const int have = size(current);
  const int missing = std::max(0, desired.count - have);
  if (old == 0)
    return {missing, size(outdated)};
  const Limits allowed = limits_of(desired);
  const int on_their_way = have - healthy(current);
  const int wanted = std::clamp(std::min(allowed.most_new - have, allowed.batch - on_their_way), 0, missing);
  if (allowed.hold_old)
    return {std::min(wanted, allowed.most - have - desired.count),
            std::max(0, size(outdated) - desired.count)};
  if (allowed.keep_old)
    return {wanted, size(outdated) - old};
  // The old ones that new ones have taken over from; and those that make room for the next, where there are
  // enough.
  const int ready = std::min(healthy(current), desired.count);
  const int taken_over = old - std::max(0, desired.count - ready);
  const int room = allowed.most - have - old;
  const int for_room = std::min(wanted - room, ready + old - allowed.least_healthy);
  const int ends = std::clamp(std::max(taken_over, for_room), 0, old);
  // Those that do not answer go at once.
  return {std::clamp(room + ends, 0, wanted), size(outdated) - old + ends};
}

/// Old ones that are held and are missing.
int missing_old(const Desired& desired, const std::vector<const Instance*>& outdated) {
  const bool held = !desired.previous.empty() && limits(desired.rollout, desired.count).hold_old;
  return held && healthy(outdated) > 0 ? desired.count - size(outdated) : 0;
}

}  // namespace

bool serves(const Instance& instance) {
  return instance.state == State::Starting || instance.state == State::Healthy ||
         instance.state == State::Unhealthy;
}

bool takes_requests(const Instance& instance, const Desired& desired) {
  if (instance.state != State::Healthy)
    return false;
  const Traffic now = traffic(desired.rollout);
  return now == Traffic::All || (instance.generation == desired.generation) == (now == Traffic::OnlyNew);
}

std::vector<Action> plan(const Desired& desired, const Observed& observed, const Rules& rules) {
  std::vector<Action> actions;
  for (const auto& instance : observed.instances)
    go_on_ending(instance, desired, observed, rules, actions);

  auto current = serving(observed, true, desired.generation);
  const auto outdated = serving(observed, false, desired.generation);
  end_surplus(current, desired, actions);
  const Exchange next = exchange(desired, current, outdated);
  end_first(outdated, next.ends, actions);

  // Failed ones stay in sight until they are replaced.
  const bool held = observed.now < held_until(observed.backoff, rules);
  for (const auto& instance : observed.instances)
    if (instance.state == State::Failed && !instance.alive && (!held || desired.count == 0))
      actions.push_back({ActionKind::Forget, instance.id});
  if (held)
    return actions;
  auto free = free_volumes(desired, observed);
  start(desired.previous, missing_old(desired, outdated), desired, free, actions);
  start(desired.generation, next.starts, desired, free, actions);
  return actions;
}

Progress progress_of(const Desired& desired, const std::vector<Instance>& instances) {
  Progress progress{.count = desired.count};
  for (const auto& one : instances) {
    const bool current = one.generation == desired.generation;
    progress.healthy += current && one.state == State::Healthy ? 1 : 0;
    progress.outdated += !current && serves(one) ? 1 : 0;
  }
  return progress;
}

bool settled(const Desired& desired, const std::vector<Instance>& instances) {
  const bool kept = desired.rollout.phase == Phase::Kept;
  int current = 0;
  for (const auto& one : instances) {
    if (kept && one.generation != desired.generation && one.state == State::Healthy)
      continue;
    if (one.state == State::Debug)
      continue;
    if (one.state != State::Healthy || one.generation != desired.generation)
      return false;
    ++current;
  }
  return !under_way(desired.rollout) && current == desired.count;
}

}  // namespace vmfleet::fleet
