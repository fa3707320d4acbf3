#include "driver/aws/answers.hpp"

#include <algorithm>
#include <regex>

#include "support/time.hpp"

namespace vmfleet::driver::aws {

namespace support = vmimage::support;

namespace {

std::int64_t time_of(const pugi::xml_node& node, const char* name) {
  return support::parse_time(node.child_value(name)).value_or(0);
}

}  // namespace

Stack read_stack(const pugi::xml_node& node) {
  Stack stack{.id = node.child_value("StackId"),
              .status = node.child_value("StackStatus"),
              .reason = node.child_value("StackStatusReason"),
              .changed = std::max(time_of(node, "CreationTime"), time_of(node, "LastUpdatedTime")),
              .outputs = {}};
  for (const auto& output : node.child("Outputs"))
    stack.outputs[output.child_value("OutputKey")] = output.child_value("OutputValue");
  return stack;
}

StackEvent read_stack_event(const pugi::xml_node& node) {
  return {time_of(node, "Timestamp"), node.child_value("LogicalResourceId"),
          node.child_value("ResourceStatus"), node.child_value("ResourceStatusReason")};
}

std::string reason_of(const std::vector<StackEvent>& events) {
  std::string reason;
  for (const auto& event : events) {
    // What is before the beginning of the last change, is about another one.
    if (event.reason == "User Initiated" &&
        (event.status == "UPDATE_IN_PROGRESS" || event.status == "CREATE_IN_PROGRESS"))
      break;
    if (event.status.ends_with("_FAILED") && event.reason.find("cancelled") == std::string::npos)
      reason = event.resource + ": " + event.reason;
  }
  return reason;
}

Group read_group(const pugi::xml_node& node) {
  Group group{.name = node.child_value("AutoScalingGroupName"),
              .status = node.child_value("Status"),
              .version = node.child("LaunchTemplate").child_value("Version"),
              .least = node.child("MinSize").text().as_int(),
              .most = node.child("MaxSize").text().as_int(),
              .desired = node.child("DesiredCapacity").text().as_int(),
              .members = {}};
  for (const auto& one : node.child("Instances"))
    group.members.push_back({one.child_value("InstanceId"), one.child_value("LifecycleState"),
                             one.child("LaunchTemplate").child_value("Version")});
  return group;
}

Activity read_activity(const pugi::xml_node& node) {
  Activity activity{.time = time_of(node, "StartTime"),
                    .instance = {},
                    .description = node.child_value("Description"),
                    .status = node.child_value("StatusCode"),
                    .message = node.child_value("StatusMessage")};
  std::smatch found;
  if (std::regex_search(activity.description, found, std::regex("\\bi-[0-9a-f]+")))
    activity.instance = found.str();
  return activity;
}

Instance read_instance(const pugi::xml_node& node) {
  return {.id = node.child_value("instanceId"),
          .state = node.child("instanceState").child_value("name"),
          .address = node.child_value("privateIpAddress"),
          .ami = node.child_value("imageId"),
          .started = time_of(node, "launchTime"),
          .why = node.child("stateReason").child_value("message")};
}

std::pair<std::string, Target> read_target(const pugi::xml_node& node) {
  const auto health = node.child("TargetHealth");
  return {node.child("Target").child_value("Id"),
          {health.child_value("State"), health.child_value("Description")}};
}

InstanceType read_instance_type(const pugi::xml_node& node) {
  InstanceType type{.name = node.child_value("instanceType"),
                    .cpus = node.child("vCpuInfo").child("defaultVCpus").text().as_int(),
                    .memory = node.child("memoryInfo").child("sizeInMiB").text().as_ullong() << 20,
                    .architectures = {},
                    .hypervisor = node.child_value("hypervisor")};
  for (const auto& item : node.child("processorInfo").child("supportedArchitectures"))
    type.architectures.emplace_back(item.child_value());
  return type;
}

fleet::Event to_event(const StackEvent& one) {
  return {one.time, "stack", "",
          one.resource + " " + one.status + (one.reason.empty() ? "" : ": " + one.reason)};
}

fleet::Event to_event(const Activity& one) {
  const bool ends = one.description.starts_with("Terminating");
  return {one.time,
          one.status == "Failed" ? "failed"
          : ends                 ? "stopping"
                                 : "starting",
          one.instance, one.description + (one.message.empty() ? "" : ": " + one.message)};
}

}  // namespace vmfleet::driver::aws
