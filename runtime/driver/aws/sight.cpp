#include "driver/aws/sight.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "driver/aws/template.hpp"

namespace vmfleet::driver::aws {

namespace {

const Instance* find(const Look& look, const std::string& id) {
  const auto found = std::ranges::find(look.instances, id, &Instance::id);
  return found == look.instances.end() ? nullptr : &*found;
}

bool is_current(const Look& look, const Group& group, const Member& member) {
  return &group == look.group() && (member.version == group.version || member.version.empty());
}

bool is_healthy(const Look& look, const Member& member) {
  const auto target = look.targets.find(member.id);
  return member.state == "InService" && target != look.targets.end() && target->second.state == "healthy";
}

fleet::State state_of(const Look& look, const Member& member) {
  if (member.state.starts_with("Terminating") || member.state == "Terminated") {
    const auto target = look.targets.find(member.id);
    return target != look.targets.end() && target->second.state == "draining" ? fleet::State::Draining
                                                                              : fleet::State::Stopping;
  }
  if (is_healthy(look, member))
    return fleet::State::Healthy;
  const auto target = look.targets.find(member.id);
  const bool asked = target != look.targets.end() && target->second.state == "unhealthy";
  return asked && member.state == "InService" ? fleet::State::Unhealthy : fleet::State::Starting;
}

std::string image_of(const Record& record, const Instance* instance) {
  if (!instance || instance->ami == record.launch.ami)
    return record.launch.spec.image;
  if (record.before && instance->ami == record.before->ami)
    return record.before->spec.image;
  return instance->ami;
}

bool is_idle(const Look& look) {
  return !look.stack.busy() && !look.refreshing && look.groups.size() == 1;
}

}  // namespace

const Group* Look::group() const {
  const auto name = resources.find(kGroup);
  const auto found =
      name == resources.end() ? groups.end() : std::ranges::find(groups, name->second, &Group::name);
  return found == groups.end() ? nullptr : &*found;
}

std::string name_of(const std::string& fleet, const std::string& instance) {
  return fleet + "-" + instance.substr(std::min<std::size_t>(2, instance.size()));
}

std::string instance_of(const std::string& fleet, const std::string& name) {
  return name.starts_with(fleet + "-") ? "i-" + name.substr(fleet.size() + 1) : name;
}

Record present(const Look& look) {
  Record record = look.record;
  if (look.stack.back()) {
    auto& rollout = record.rollout;
    rollout.number = std::max(rollout.number + 1, look.told) + 1;  // of the change, and the way back
    rollout.back = true;
    rollout.from.clear();
    rollout.to = record.launch.spec.image;
    rollout.reason = look.why();
    if (rollout.reason.empty())
      rollout.reason = "CloudFormation has taken it back";
  }
  return record;
}

std::vector<std::string> to_signal(const Look& look) {
  std::vector<std::string> ids;
  const Group* group = look.group();
  const bool waits = look.stack.busy() && look.stack.status.find("CLEANUP") == std::string::npos &&
                     !look.stack.status.starts_with("DELETE");
  if (!group || !waits)
    return ids;
  for (const auto& member : group->members) {
    const auto* instance = find(look, member.id);
    // Those that were there before would be counted for new ones.
    if (instance && instance->started >= look.stack.changed && is_current(look, *group, member) &&
        is_healthy(look, member))
      ids.push_back(member.id);
  }
  return ids;
}

std::string drift(const Look& look) {
  const Group* group = look.group();
  const auto& autoscale = look.record.spec.autoscale;
  if (!group || !is_idle(look) || look.stack.stuck() || (autoscale && !autoscale->schedule.empty()))
    return "";
  const Sizes wanted = sizes(look.record);
  std::vector<std::string> differences;
  const auto compare = [&](const char* what, int is, int shall) {
    if (is != shall)
      differences.push_back(fmt::format("{} {} and not {}", what, is, shall));
  };
  compare("desired", group->desired, wanted.desired.value_or(group->desired));
  compare("least", group->least, wanted.least);
  compare("most", group->most, wanted.most);
  if (differences.empty())
    return "";
  return fmt::format(
      "the Auto Scaling group {} was changed outside vmfleet: {}; it stays so until "
      "'vmfleet scale' or 'autoscale'",
      group->name, fmt::join(differences, ", "));
}

fleet::Status to_status(const Look& look) {
  const Record record = present(look);
  const Group* group = look.group();
  fleet::Status status;
  status.name = record.spec.name;
  status.driver = "aws";
  status.image = record.spec.image;
  status.mode = look.stack.status.starts_with("DELETE_") ? "removing"
                : record.stopped                         ? "stopped"
                                                         : "running";
  status.desired = record.spec.autoscale && group && !record.stopped ? group->desired : record.spec.count;
  if (const auto address = look.stack.outputs.find(kAddress); address != look.stack.outputs.end()) {
    const bool http = record.launch.health.type == vmimage::recipe::HealthType::Http;
    const std::string scheme =
        read_options(record.spec.driver_options).certificate.empty() ? "http" : "https";
    status.endpoint =
        fmt::format("{}{}:{}", http ? scheme + "://" : "", address->second, record.front_port());
    for (const auto& port : record.launch.ports)
      status.ports[std::to_string(port.number)] = fmt::format(
          "{}:{}", address->second, port.number == record.port() ? record.front_port() : port.number);
  }
  std::size_t members = 0;
  for (const auto& each : look.groups)
    for (const auto& member : each.members) {
      ++members;
      const auto* instance = find(look, member.id);
      fleet::InstanceStatus one;
      one.id = name_of(status.name, member.id);
      one.state = state_of(look, member);
      one.image = image_of(record, instance);
      one.current = is_current(look, each, member);
      if (instance && !instance->address.empty())
        one.address = fmt::format("{}:{}", instance->address, record.port());
      one.started_at = instance ? instance->started : 0;
      status.instances.push_back(one);
      const auto target = look.targets.find(member.id);
      if (one.state == fleet::State::Unhealthy && target != look.targets.end())
        status.problem = one.id + ": " + target->second.reason;
    }
  const auto wanted = static_cast<std::size_t>(group ? group->desired : 0);
  status.settled = is_idle(look) && !look.stack.stuck() && !look.stack.stillborn() && group &&
                   members == wanted && static_cast<std::size_t>(status.healthy()) == wanted;
  const auto& rollout = record.rollout;
  const bool done = !look.stack.busy();
  status.rollout = {rollout.number,
                    fleet::to_string(rollout.rules.strategy),
                    fleet::to_string(done ? fleet::Phase::Done : fleet::Phase::Replacing),
                    rollout.from,
                    rollout.to,
                    rollout.back,
                    rollout.reason};
  if (const auto changed = drift(look); !changed.empty())
    status.problem = changed;
  if (!look.problem.empty() && !status.settled)
    status.problem = look.problem;
  if (look.stack.stuck() || look.stack.stillborn()) {
    status.problem = fmt::format("its stack is in {}: {}", look.stack.status, look.why());
    if (!look.stack.busy())
      status.quick_failures = 3;
  }
  return status;
}

}  // namespace vmfleet::driver::aws
