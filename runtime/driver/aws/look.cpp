#include <algorithm>
#include <thread>

#include "driver/aws/fleet.hpp"
#include "driver/aws/template.hpp"
#include "driver/console_log.hpp"
#include "support/process.hpp"

namespace vmfleet::driver::aws {

namespace support = vmimage::support;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

/// A look asks several services, each of which takes only so many questions; nobody needs to know more often.
constexpr seconds kBetweenLooks{1};

}  // namespace

std::optional<Look> AwsFleet::find() {
  auto stack = cloud().stack(stack_);
  if (!stack)
    return std::nullopt;
  // Template and names change only with the stack's state; while it changes, names come one by one.
  const std::string at = fmt::format("{} {} {}", stack->id, stack->status, stack->changed);
  if (kept_for_ != at || !record_)
    record_ = record_in(cloud().template_of(stack_), fmt::format("the stack '{}'", stack_));
  if (kept_for_ != at || stack->busy())
    resources_ = cloud().resources(stack_);
  if (kept_for_ != at)
    reason_ =
        stack->back() || stack->stuck() || stack->stillborn() ? reason_of(cloud().stack_events(stack_)) : "";
  kept_for_ = at;
  Look look{.stack = *stack,
            .record = *record_,
            .resources = resources_,
            .groups = {},
            .instances = {},
            .targets = {}};
  look.told = told_;
  look.reason = reason_;
  look.groups = cloud().groups(name_);
  look.instances = cloud().instances(name_);
  const auto targets = resources_.find(targets_name(look.record.port()));
  if (targets != resources_.end() && targets->second.starts_with("arn:"))
    look.targets = cloud().targets(targets->second);
  if (const Group* group = look.group(); group && group->status.empty()) {
    look.refreshing = cloud().refreshing(group->name);
    if (std::ssize(group->members) < group->desired) {
      const auto last = cloud().last_activity(group->name);
      if (last && last->status == "Failed")
        look.problem = last->message;
    }
  }
  return look;
}

Look AwsFleet::require() {
  if (auto look = find())
    return *look;
  throw support::failure(fmt::format("the stack '{}' of the fleet is gone", stack_),
                         fmt::format("'vmfleet down {}' forgets it", name_));
}

/// CloudFormation waits for a word about each new instance.
void AwsFleet::help(const Look& look) {
  for (const auto& id : to_signal(look)) {
    const std::string which = fmt::format("{} {}", id, look.stack.changed);
    if (!signalled_.contains(which))
      cloud().signal(stack_, kGroup, id, Cloud::Signal::Success);
    signalled_.insert(which);
  }
}

Look AwsFleet::idle() {
  const bool tidying = support::interrupted();
  while (true) {
    Look look = require();
    if (look.stack.stuck() || look.stack.stillborn())
      throw support::failure(
          fmt::format("the stack '{}' is in {} and takes no orders: {}", stack_, look.stack.status,
                      look.why()),
          look.stack.status == "UPDATE_ROLLBACK_FAILED"
              ? fmt::format(
                    "when the cause is gone: 'aws cloudformation continue-update-rollback --stack-name "
                    "{}'; or 'vmfleet down {}'",
                    stack_, name_)
              : fmt::format("'vmfleet down {}' removes it", name_));
    if (!look.stack.busy())
      return look;
    help(look);
    if (!tidying)
      support::check_interrupt();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

fleet::Status AwsFleet::status() {
  if (last_ && steady_clock::now() - looked_ < kBetweenLooks)
    return *last_;
  const Look look = require();
  help(look);
  looked_ = steady_clock::now();
  last_ = to_status(look);
  return *last_;
}

std::vector<fleet::Event> AwsFleet::events() {
  std::vector<fleet::Event> events;
  for (const auto& one : cloud().stack_events(stack_))
    events.push_back(to_event(one));
  for (const auto& group : cloud().groups(name_))
    for (const auto& one : cloud().activities(group.name)) {
      auto event = to_event(one);
      if (!event.instance.empty())
        event.instance = name_of(name_, event.instance);
      events.push_back(event);
    }
  std::ranges::reverse(events);  // both lists begin with the newest
  std::ranges::stable_sort(events, {}, &fleet::Event::time);
  return events;
}

std::vector<std::string> AwsFleet::logged() {
  std::vector<std::string> ids;
  for (const auto& instance : cloud().instances(name_))
    ids.push_back(name_of(name_, instance.id));
  return ids;
}

std::unique_ptr<Log> AwsFleet::log(const std::string& id) {
  return std::make_unique<ConsoleLog>(
      [this, instance = instance_of(name_, id)] { return cloud().console(instance); });
}

}  // namespace vmfleet::driver::aws
