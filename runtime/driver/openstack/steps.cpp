#include "driver/openstack/steps.hpp"

#include <algorithm>

namespace vmfleet::driver::openstack {

namespace {

/// Of a group's servers those that stay when it has been told its size: others are there until Heat is done.
int healthy_of(const std::vector<Member>& members, int size) {
  const auto leaving = std::max<std::ptrdiff_t>(0, std::ssize(members) - size);
  return static_cast<int>(std::count_if(members.begin() + leaving, members.end(),
                                        [](const Member& member) { return member.healthy; }));
}

/// The size of a group that shall have no more than `target`: its first servers go once they are idle, all of
/// them at once. They are also there when Heat has been told and is still at it.
int shrink(const std::vector<Member>& members, int size, int target, std::vector<std::string>& drain) {
  const int leaving = static_cast<int>(members.size()) - target;
  bool idle = true;
  for (int i = 0; i < leaving; ++i) {
    const Member& member = members[static_cast<std::size_t>(i)];
    drain.push_back(member.id);
    idle = idle && (member.idle || !member.healthy);
  }
  return idle ? target : size;
}

void drain_all(const std::vector<Member>& members, std::vector<std::string>& drain) {
  for (const auto& member : members)
    drain.push_back(member.id);
}

/// How many servers the current group gets next: a batch at a time, while a change is under way.
int grow(const fleet::Limits& limits, const Seen& seen, int healthy, int other_target) {
  const int coming = seen.current_size - healthy;
  const int room = std::min({limits.most_new - seen.current_size, limits.batch - coming,
                             limits.most - seen.current_size - other_target});
  return seen.current_size + std::max(0, room);
}

/// How many of the other group's servers stay for now.
int keep(const fleet::Limits& limits, const Seen& seen, int count) {
  if (limits.keep_old)
    return seen.other_size;
  if (limits.hold_old)
    return std::min(count, seen.other_size);
  const int current = healthy_of(seen.current, seen.current_size);
  if (current >= count)
    return 0;
  const int spare = current + healthy_of(seen.other, seen.other_size) - limits.least_healthy;
  return std::max(0, seen.other_size - std::max(0, spare));
}

}  // namespace

Step next_step(const Record& record, const Seen& seen, fleet::Milliseconds now) {
  const int count = record.stopped ? 0 : record.spec.count;
  fleet::Progress progress{
      .count = count, .healthy = healthy_of(seen.current, seen.current_size), .outdated = seen.other_size};
  for (const auto& member : seen.current) {
    progress.requests += member.requests;
    progress.errors += member.errors;
  }
  const auto advanced = fleet::advance(record.rollout, progress, now);
  Step step{.rollout = advanced.rollout,
            .failure = advanced.failure,
            .current_size = seen.current_size,
            .other_size = seen.other_size};
  if (!step.failure.empty())
    return step;

  const bool changing = step.rollout.phase != fleet::Phase::Done;
  const auto limits = fleet::limits(step.rollout, count);
  const int other_target = changing ? keep(limits, seen, count) : 0;
  step.other_size = shrink(seen.other, seen.other_size, other_target, step.drain);
  const int current_target = seen.current_size > count ? count
                             : changing                ? grow(limits, seen, progress.healthy, step.other_size)
                                                       : count;
  step.current_size = current_target > seen.current_size
                          ? current_target
                          : shrink(seen.current, seen.current_size, current_target, step.drain);
  const auto traffic = fleet::traffic(step.rollout);
  if (traffic == fleet::Traffic::OnlyOld)
    drain_all(seen.current, step.drain);
  if (traffic == fleet::Traffic::OnlyNew)
    drain_all(seen.other, step.drain);
  step.done = !fleet::under_way(step.rollout) && seen.current_size == count && progress.healthy == count &&
              static_cast<int>(seen.current.size()) == count &&
              (step.rollout.phase == fleet::Phase::Kept || (seen.other_size == 0 && seen.other.empty()));
  return step;
}

int first_size(const Record& record, int other_size) {
  const auto limits = fleet::limits(record.rollout, record.stopped ? 0 : record.spec.count);
  return std::max(0, std::min({limits.most_new, limits.batch, limits.most - other_size}));
}

Record turned(const Record& record, const fleet::RolloutRules& rules, bool back, const std::string& reason,
              bool takes_requests, fleet::Milliseconds now) {
  Record next = record;
  next.current = record.other();
  next.rollout = fleet::begin(record.rollout.number + 1, rules, back, takes_requests, now);
  next.rollout.from = record.groups.at(record.current).image;
  next.rollout.to = next.groups.at(next.current).image;
  next.rollout.reason = reason;
  const auto& made = next.groups.at(next.current).spec;
  next.spec.image = made.image;
  next.spec.environment = made.environment;
  next.spec.secrets = made.secrets;
  next.spec.cpus = made.cpus;
  next.spec.memory = made.memory;
  return next;
}

}  // namespace vmfleet::driver::openstack
