#include "driver/aws/cloud.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>

#include "driver/aws/template.hpp"
#include "publish/aws/ec2.hpp"
#include "support/base64.hpp"
#include "support/error.hpp"

namespace vmfleet::driver::aws {

namespace support = vmimage::support;
using vmimage::publish::aws::add_numbered;
using vmimage::publish::aws::Parameters;
using vmimage::publish::aws::Refused;

namespace {

constexpr double kAtOnce = 4;
/// An order that was interrupted is taken back.
constexpr auto kGoOn = vmimage::publish::Service::OnInterrupt::GoOn;

/// CloudFormation says by words alone what is the matter.
bool says(const Refused& refused, const char* words) {
  return std::string(refused.what()).find(words) != std::string::npos;
}

std::string token() {
  std::random_device random;
  return fmt::format("vmfleet-{:08x}{:08x}", random(), random());
}

Parameters with_template(const std::string& stack, const std::string& text) {
  return {{"StackName", stack}, {"TemplateBody", text}, {"Capabilities.member.1", "CAPABILITY_IAM"}};
}

}  // namespace

Cloud::Cloud(const std::string& profile, const std::string& region)
    : identity_(profile, region),
      formation_place_(identity_, "cloudformation", "CloudFormation", kAtOnce),
      scaling_place_(identity_, "autoscaling", "Auto Scaling", kAtOnce),
      balancing_place_(identity_, "elasticloadbalancing", "Elastic Load Balancing", kAtOnce),
      ec2_place_(identity_, "ec2", "EC2", kAtOnce),
      formation_(formation_place_, "2010-05-15", kGoOn),
      scaling_(scaling_place_, "2011-01-01", kGoOn),
      balancing_(balancing_place_, "2015-12-01", kGoOn),
      ec2_(ec2_place_, vmimage::publish::aws::kEc2Version, kGoOn) {}

std::vector<std::string> Cloud::fleets() {
  std::vector<std::string> names;
  formation_.each("list the stacks", "DescribeStacks", {}, "/*/*/Stacks/member",
                  [&](const pugi::xml_node& stack) {
                    for (const auto& tag : stack.select_nodes("Tags/member"))
                      if (tag.node().child_value("Key") == std::string_view(kFleetTag))
                        names.emplace_back(tag.node().child_value("Value"));
                  });
  return names;
}

std::optional<Stack> Cloud::stack(const std::string& name) {
  try {
    const auto document = formation_.call(fmt::format("look for the stack '{}'", name), "DescribeStacks",
                                          {{"StackName", name}});
    const auto found = document.select_node("/*/*/Stacks/member");
    return found ? std::optional(read_stack(found.node())) : std::nullopt;
  } catch (const Refused& refused) {
    if (says(refused, "does not exist"))
      return std::nullopt;
    throw;
  }
}

std::string Cloud::template_of(const std::string& stack) {
  return formation_
      .call(fmt::format("read the template of the stack '{}'", stack), "GetTemplate", {{"StackName", stack}})
      .select_node("/*/*/TemplateBody")
      .node()
      .child_value();
}

std::map<std::string, std::string> Cloud::resources(const std::string& stack) {
  std::map<std::string, std::string> found;
  const auto document = formation_.call(fmt::format("list what is in the stack '{}'", stack),
                                        "DescribeStackResources", {{"StackName", stack}});
  for (const auto& one : document.select_nodes("/*/*/StackResources/member"))
    found[one.node().child_value("LogicalResourceId")] = one.node().child_value("PhysicalResourceId");
  return found;
}

void Cloud::create(const std::string& stack, const std::string& text, const std::string& fleet) {
  auto parameters = with_template(stack, text);
  parameters.emplace_back("Tags.member.1.Key", kFleetTag);
  parameters.emplace_back("Tags.member.1.Value", fleet);
  parameters.emplace_back("ClientRequestToken", token());
  formation_.call(fmt::format("make the stack '{}'", stack), "CreateStack", parameters);
}

Told Cloud::update(const std::string& stack, const std::string& text) {
  auto parameters = with_template(stack, text);
  parameters.emplace_back("ClientRequestToken", token());
  try {
    formation_.call(fmt::format("change the stack '{}'", stack), "UpdateStack", parameters);
    return Told::Changed;
  } catch (const Refused& refused) {
    if (says(refused, "No updates are to be performed"))
      return Told::WasSo;
    throw;
  }
}

void Cloud::cancel_update(const std::string& stack) {
  formation_.call(fmt::format("take back what is done to the stack '{}'", stack), "CancelUpdateStack",
                  {{"StackName", stack}});
}

void Cloud::remove(const std::string& stack) {
  formation_.call(fmt::format("remove the stack '{}'", stack), "DeleteStack", {{"StackName", stack}});
}

void Cloud::signal(const std::string& stack, const std::string& resource, const std::string& instance,
                   Signal signal) {
  try {
    formation_.call(fmt::format("tell the stack '{}' of {}", stack, instance), "SignalResource",
                    {{"StackName", stack},
                     {"LogicalResourceId", resource},
                     {"UniqueId", instance},
                     {"Status", signal == Signal::Success ? "SUCCESS" : "FAILURE"}});
  } catch (const Refused& refused) {
    if (refused.code() != "ValidationError")
      throw;
  }
}

std::vector<StackEvent> Cloud::stack_events(const std::string& stack) {
  std::vector<StackEvent> events;
  formation_.each(fmt::format("read the events of the stack '{}'", stack), "DescribeStackEvents",
                  {{"StackName", stack}}, "/*/*/StackEvents/member",
                  [&](const pugi::xml_node& node) { events.push_back(read_stack_event(node)); });
  return events;
}

std::vector<std::string> Cloud::changes(const std::string& stack, const std::string& text) {
  const std::string what = fmt::format("compare with the stack '{}'", stack);
  const std::string name = token();
  auto parameters = with_template(stack, text);
  parameters.emplace_back("ChangeSetName", name);
  parameters.emplace_back("ChangeSetType", "UPDATE");
  formation_.call(what, "CreateChangeSet", parameters);
  const Parameters set{{"StackName", stack}, {"ChangeSetName", name}};
  std::vector<std::string> lines;
  while (true) {
    const auto document = formation_.call(what, "DescribeChangeSet", set);
    const auto answer = document.document_element().first_child();
    const std::string status = answer.child_value("Status");
    const std::string reason = answer.child_value("StatusReason");
    if (status == "FAILED" && reason.find("didn't contain changes") == std::string::npos &&
        reason.find("No updates") == std::string::npos) {
      formation_.call(what, "DeleteChangeSet", set);
      throw support::failure(fmt::format("failed to {}: {}", what, reason));
    }
    if (status == "CREATE_COMPLETE" || status == "FAILED")
      break;
    vmimage::publish::aws::pause(std::chrono::milliseconds(500));
  }
  formation_.each(
      what, "DescribeChangeSet", set, "/*/*/Changes/member/ResourceChange", [&](const pugi::xml_node& node) {
        const std::string replacement = node.child_value("Replacement");
        lines.push_back(fmt::format("{} {} ({}){}", node.child_value("Action"),
                                    node.child_value("LogicalResourceId"), node.child_value("ResourceType"),
                                    replacement == "True"          ? ", made anew"
                                    : replacement == "Conditional" ? ", perhaps made anew"
                                                                   : ""));
      });
  formation_.call(what, "DeleteChangeSet", set);
  return lines;
}

std::vector<Group> Cloud::groups(const std::string& fleet) {
  std::vector<Group> groups;
  scaling_.each("look for the fleet's Auto Scaling group", "DescribeAutoScalingGroups",
                {{"Filters.member.1.Name", std::string("tag:") + kFleetTag},
                 {"Filters.member.1.Values.member.1", fleet}},
                "/*/*/AutoScalingGroups/member",
                [&](const pugi::xml_node& node) { groups.push_back(read_group(node)); });
  return groups;
}

std::vector<Activity> Cloud::activities(const std::string& group) {
  std::vector<Activity> activities;
  scaling_.each(fmt::format("read what has happened to the group '{}'", group), "DescribeScalingActivities",
                {{"AutoScalingGroupName", group}}, "/*/*/Activities/member",
                [&](const pugi::xml_node& node) { activities.push_back(read_activity(node)); });
  return activities;
}

std::optional<Activity> Cloud::last_activity(const std::string& group) {
  const auto document =
      scaling_.call(fmt::format("read what has happened last to the group '{}'", group),
                    "DescribeScalingActivities", {{"AutoScalingGroupName", group}, {"MaxRecords", "1"}});
  const auto last = document.select_node("/*/*/Activities/member");
  return last ? std::optional(read_activity(last.node())) : std::nullopt;
}

void Cloud::resize(const std::string& group, const Sizes& sizes) {
  Parameters parameters{{"AutoScalingGroupName", group},
                        {"MinSize", std::to_string(sizes.least)},
                        {"MaxSize", std::to_string(sizes.most)}};
  if (sizes.desired)
    parameters.emplace_back("DesiredCapacity", std::to_string(*sizes.desired));
  scaling_.call(fmt::format("change the size of the group '{}'", group), "UpdateAutoScalingGroup",
                parameters);
}

void Cloud::refresh(const std::string& group, const fleet::RolloutRules& rules, int count,
                    fleet::Milliseconds warmup) {
  const int healthy = rules.min_healthy.of(count) * 100 / std::max(count, 1);
  const int most = std::min(200, 100 + (rules.surge.of(count) * 100 + count - 1) / std::max(count, 1));
  Parameters parameters{{"AutoScalingGroupName", group},
                        {"Preferences.MinHealthyPercentage", std::to_string(healthy)},
                        {"Preferences.InstanceWarmup",
                         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(warmup).count())},
                        {"Preferences.SkipMatching", "false"}};
  if (most > 100) {
    parameters[1].second = std::to_string(std::max(healthy, most - 100));
    parameters.emplace_back("Preferences.MaxHealthyPercentage", std::to_string(most));
  }
  scaling_.call(fmt::format("replace the instances of the group '{}'", group), "StartInstanceRefresh",
                parameters);
}

bool Cloud::refreshing(const std::string& group) {
  static const std::set<std::string> over{"Successful", "Failed", "Cancelled", "RollbackSuccessful",
                                          "RollbackFailed"};
  const auto document =
      scaling_.call(fmt::format("see whether the group '{}' is being refreshed", group),
                    "DescribeInstanceRefreshes", {{"AutoScalingGroupName", group}, {"MaxRecords", "1"}});
  const auto last = document.select_node("/*/*/InstanceRefreshes/member").node();
  return last && !over.contains(last.child_value("Status"));
}

std::map<std::string, Target> Cloud::targets(const std::string& target_group) {
  std::map<std::string, Target> targets;
  const auto document = balancing_.call("see which instances are healthy", "DescribeTargetHealth",
                                        {{"TargetGroupArn", target_group}});
  for (const auto& one : document.select_nodes("/*/*/TargetHealthDescriptions/member"))
    targets.insert(read_target(one.node()));
  return targets;
}

std::vector<Instance> Cloud::instances(const std::string& fleet) {
  std::vector<Instance> instances;
  ec2_.each("list the fleet's instances", "DescribeInstances",
            {{"Filter.1.Name", std::string("tag:") + kFleetTag}, {"Filter.1.Value.1", fleet}},
            "/*/reservationSet/item/instancesSet/item",
            [&](const pugi::xml_node& node) { instances.push_back(read_instance(node)); });
  std::ranges::stable_sort(instances, {}, &Instance::started);
  return instances;
}

std::string Cloud::console(const std::string& instance) {
  // What it says now, as far as it still runs; else what EC2 has kept of it.
  for (const char* latest : {"true", "false"}) {
    try {
      const auto text =
          support::from_base64(ec2_.call(fmt::format("read the console of '{}'", instance),
                                         "GetConsoleOutput", {{"InstanceId", instance}, {"Latest", latest}})
                                   .document_element()
                                   .child_value("output"));
      if (!text.empty())
        return text;
    } catch (const Refused& refused) {
      if (!refused.code().ends_with(".NotFound") && refused.code() != "UnsupportedOperation")
        throw;
    }
  }
  return "";
}

std::optional<InstanceType> Cloud::instance_type(const std::string& name) {
  try {
    const auto document = ec2_.call(fmt::format("look at the instance type '{}'", name),
                                    "DescribeInstanceTypes", {{"InstanceType.1", name}});
    const auto found = document.select_node("/*/instanceTypeSet/item");
    return found ? std::optional(read_instance_type(found.node())) : std::nullopt;
  } catch (const Refused& refused) {
    if (refused.code() == "InvalidInstanceType" || refused.code() == "InvalidParameterValue")
      return std::nullopt;
    throw;
  }
}

Network Cloud::network(const std::vector<std::string>& subnets) {
  Parameters parameters;
  if (subnets.empty()) {
    const auto document = ec2_.call("look for the default VPC", "DescribeVpcs",
                                    {{"Filter.1.Name", "is-default"}, {"Filter.1.Value.1", "true"}});
    const std::string vpc = document.select_node("/*/vpcSet/item/vpcId").node().child_value();
    if (vpc.empty())
      throw support::invalid(fmt::format("there is no default VPC in {}", region()),
                             "name the subnets: --driver-opt subnets=SUBNET,SUBNET");
    parameters = {{"Filter.1.Name", "vpc-id"},
                  {"Filter.1.Value.1", vpc},
                  {"Filter.2.Name", "default-for-az"},
                  {"Filter.2.Value.1", "true"}};
  } else {
    parameters = {{"Filter.1.Name", "subnet-id"}};
    add_numbered(parameters, "Filter.1.Value", subnets);
  }
  Network network;
  std::set<std::string> vpcs, there, zones;
  ec2_.each("look at the subnets", "DescribeSubnets", parameters, "/*/subnetSet/item",
            [&](const pugi::xml_node& node) {
              const std::string id = node.child_value("subnetId");
              network.vpc = node.child_value("vpcId");
              vpcs.insert(network.vpc);
              there.insert(id);
              // A load balancer takes one of each zone.
              if (zones.insert(node.child_value("availabilityZone")).second)
                network.subnets.push_back(id);
            });
  for (const auto& id : subnets)
    if (!there.contains(id))
      throw support::invalid(fmt::format("there is no subnet '{}' in {}", id, region()));
  if (network.subnets.empty())
    throw support::invalid(fmt::format("the default VPC '{}' has no subnets", parameters[1].second),
                           "name some: --driver-opt subnets=SUBNET,SUBNET");
  if (vpcs.size() > 1)
    throw support::invalid("the subnets are not all of the same VPC");
  if (!subnets.empty() && zones.size() < subnets.size())
    throw support::invalid("two of the subnets are in the same availability zone",
                           "name one of each zone: a load balancer takes no more");
  std::ranges::sort(network.subnets);
  return network;
}

bool Cloud::has_image(const std::string& ami) {
  return !ec2_.call(fmt::format("look for the AMI '{}'", ami), "DescribeImages",
                    {{"Filter.1.Name", "image-id"}, {"Filter.1.Value.1", ami}})
              .select_nodes("/*/imagesSet/item")
              .empty();
}

}  // namespace vmfleet::driver::aws
