#include "driver/aws/template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "driver/user_data.hpp"
#include "support/error.hpp"

namespace vmfleet::driver::aws {

namespace recipe = vmimage::recipe;
namespace support = vmimage::support;
using json = ordered_json;

namespace {

constexpr std::size_t kLargestUserData = 16 << 10;  // EC2
constexpr std::size_t kLargestTemplate = 51200;     // CloudFormation, of one that comes with the request
constexpr const char* kTlsPolicy =
    "ELBSecurityPolicy-TLS13-1-2-2021-06";  // that AWS recommends: TLS 1.2 and 1.3

json reference(const std::string& resource) {
  return {{"Ref", resource}};
}
json attribute(const std::string& resource, const std::string& name) {
  return {{"Fn::GetAtt", json::array({resource, name})}};
}
json tag(const std::string& key, const std::string& value) {
  return {{"Key", key}, {"Value", value}};
}
json resource(const std::string& type, json properties) {
  return {{"Type", type}, {"Properties", std::move(properties)}};
}

/// A span of time as CloudFormation writes it: at most an hour.
std::string duration(fleet::Milliseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  return fmt::format("PT{}S", std::clamp<std::int64_t>(seconds, 1, 3600));
}

/// Port → "TCP", "UDP" or "TCP_UDP", in the order of the image.
std::vector<std::pair<std::uint16_t, std::string>> protocols(const Record& record) {
  std::vector<std::pair<std::uint16_t, std::string>> all;
  for (const auto& port : record.launch.ports) {
    const std::string protocol = port.protocol == recipe::Protocol::Tcp ? "TCP" : "UDP";
    const auto there = std::ranges::find(all, port.number, &std::pair<std::uint16_t, std::string>::first);
    if (there == all.end())
      all.emplace_back(port.number, protocol);
    else
      there->second = "TCP_UDP";
  }
  return all;
}

std::uint16_t outside(const Record& record, std::uint16_t port) {
  return port == record.port() ? record.front_port() : port;
}

json access(const Record& record, const std::string& description, bool balancer) {
  auto rules = json::array();
  for (const auto& [port, protocols] : protocols(record))
    for (const std::string protocol : {"tcp", "udp"}) {
      if (protocols != "TCP_UDP" && protocols != (protocol == "tcp" ? "TCP" : "UDP") &&
          !(protocol == "tcp" && port == record.launch.health.port && !balancer))
        continue;
      const auto number = balancer ? outside(record, port) : port;
      json rule{{"IpProtocol", protocol}, {"FromPort", number}, {"ToPort", number}};
      if (balancer)
        rule["CidrIp"] = "0.0.0.0/0";
      else
        rule["SourceSecurityGroupId"] = attribute("BalancerAccess", "GroupId");
      rules.push_back(rule);
    }
  return resource("AWS::EC2::SecurityGroup", {{"GroupDescription", description},
                                              {"VpcId", record.network.vpc},
                                              {"SecurityGroupIngress", rules},
                                              {"Tags", json::array({tag(kFleetTag, record.spec.name)})}});
}

json balancer(const Record& record, const Options& options) {
  const bool application = balancer_of(record) == Balancer::Application;
  json properties{{"Type", application ? "application" : "network"},
                  {"Scheme", options.scheme == Scheme::Internal ? "internal" : "internet-facing"},
                  {"Subnets", record.network.subnets},
                  {"SecurityGroups", json::array({attribute("BalancerAccess", "GroupId")})},
                  {"Tags", json::array({tag(kFleetTag, record.spec.name)})}};
  if (!application)
    properties["LoadBalancerAttributes"] = json::array({tag("load_balancing.cross_zone.enabled", "true")});
  return resource("AWS::ElasticLoadBalancingV2::LoadBalancer", properties);
}

json targets(const Record& record, std::uint16_t port, const std::string& protocol) {
  const auto& rules = record.spec.rules;
  const auto seconds = [](fleet::Milliseconds time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time).count();
  };
  const auto interval = std::clamp<std::int64_t>(seconds(rules.interval), 5, 300);
  json properties{
      {"Protocol", protocol}, {"Port", port}, {"VpcId", record.network.vpc}, {"TargetType", "instance"}};
  const auto& health = record.launch.health;
  const bool application = protocol == "HTTP";
  const bool http = health.type == recipe::HealthType::Http || application;
  properties["HealthCheckProtocol"] = http ? "HTTP" : "TCP";
  properties["HealthCheckPort"] =
      health.port != 0 ? std::to_string(health.port) : std::string("traffic-port");
  if (http) {
    properties["HealthCheckPath"] = health.path.empty() ? "/" : health.path;
    properties["Matcher"] = {{"HttpCode", "200-399"}};
  }
  properties["HealthCheckIntervalSeconds"] = interval;
  properties["HealthCheckTimeoutSeconds"] = std::clamp<std::int64_t>(seconds(rules.timeout), 2, interval - 1);
  properties["HealthyThresholdCount"] = std::clamp(rules.passed_checks, 2, 10);
  properties["UnhealthyThresholdCount"] = std::clamp(rules.failed_checks, 2, 10);
  properties["TargetGroupAttributes"] =
      json::array({tag("deregistration_delay.timeout_seconds",
                       std::to_string(std::clamp<std::int64_t>(seconds(rules.drain_limit), 0, 3600)))});
  properties["Tags"] = json::array({tag(kFleetTag, record.spec.name)});
  return resource("AWS::ElasticLoadBalancingV2::TargetGroup", properties);
}

/// `protocol`: that of its targets. With a certificate TLS ends at the balancer.
json listener(std::uint16_t port, std::uint16_t front, const std::string& protocol,
              const std::string& certificate) {
  json properties{{"LoadBalancerArn", reference("Balancer")},
                  {"Protocol", protocol},
                  {"Port", front},
                  {"DefaultActions",
                   json::array({{{"Type", "forward"}, {"TargetGroupArn", reference(targets_name(port))}}})}};
  if (!certificate.empty() && protocol != "UDP") {
    properties["Protocol"] = protocol == "HTTP" ? "HTTPS" : "TLS";
    properties["Certificates"] = json::array({{{"CertificateArn", certificate}}});
    properties["SslPolicy"] = kTlsPolicy;
  }
  return resource("AWS::ElasticLoadBalancingV2::Listener", properties);
}

json launch_template(const Record& record, const Options& options) {
  const auto tags = json::array({tag("Name", record.spec.name), tag(kFleetTag, record.spec.name)});
  json data{{"ImageId", record.launch.ami},
            {"InstanceType", record.launch.instance_type},
            {"MetadataOptions", {{"HttpEndpoint", "enabled"}, {"HttpTokens", "required"}}},
            {"SecurityGroupIds", json::array({attribute("InstanceAccess", "GroupId")})},
            {"UserData", {{"Fn::Base64", make_user_data(record.launch.spec.environment, {})}}},
            {"TagSpecifications", json::array({{{"ResourceType", "instance"}, {"Tags", tags}},
                                               {{"ResourceType", "volume"}, {"Tags", tags}}})}};
  if (!options.readable.empty())
    data["IamInstanceProfile"] = {{"Arn", attribute("Profile", "Arn")}};
  return resource("AWS::EC2::LaunchTemplate", {{"LaunchTemplateData", data}});
}

/// How the group goes from one version of the launch template to the next; whoever looks at the fleet tells
/// CloudFormation which new instances are healthy (a signal for each).
json update_policy(const Record& record, const Sizes& sizes) {
  const auto& rules = record.rollout.rules;
  // Sizes that somebody else has set stay, unless the template's own change.
  const json kept{{"IgnoreUnmodifiedGroupSizeProperties", true}};
  if (rules.strategy == fleet::Strategy::BlueGreen)
    return {{"AutoScalingReplacingUpdate", {{"WillReplace", true}}}, {"AutoScalingScheduledAction", kept}};
  const int count = sizes.desired.value_or(sizes.least);
  const bool at_once = rules.strategy == fleet::Strategy::AllAtOnce;
  const int batch = at_once ? std::max(count, 1) : std::max(1, rules.batch.of(std::max(count, 1)));
  const int healthy = at_once ? 0 : std::min(rules.min_healthy.of(count), sizes.most - 1);
  return {{"AutoScalingRollingUpdate",
           {{"MinInstancesInService", std::max(0, healthy)},
            {"MaxBatchSize", std::min(batch, 100)},
            {"PauseTime", duration(rules.limit)},
            {"WaitOnResourceSignals", true},
            {"SuspendProcesses", json::array({"HealthCheck", "ReplaceUnhealthy", "AZRebalance",
                                              "AlarmNotification", "ScheduledActions"})}}},
          {"AutoScalingScheduledAction", kept}};
}

json group(const Record& record) {
  const Sizes size = sizes(record);
  auto arns = json::array();
  auto first = json::array();
  for (const auto& [port, protocol] : protocols(record)) {
    arns.push_back(reference(targets_name(port)));
    first.push_back(fmt::format("Listener{}", port));
  }
  json properties{{"LaunchTemplate",
                   {{"LaunchTemplateId", reference("Template")},
                    {"Version", attribute("Template", "LatestVersionNumber")}}},
                  {"VPCZoneIdentifier", record.network.subnets},
                  {"MinSize", std::to_string(size.least)},
                  {"MaxSize", std::to_string(size.most)}};
  if (size.desired)
    properties["DesiredCapacity"] = std::to_string(*size.desired);
  properties["TargetGroupARNs"] = arns;
  properties["HealthCheckType"] = "ELB";
  properties["HealthCheckGracePeriod"] =
      std::chrono::duration_cast<std::chrono::seconds>(record.spec.rules.start_limit).count();
  properties["Tags"] = json::array();
  for (const std::string key : {"Name", kFleetTag})
    properties["Tags"].push_back({{"Key", key}, {"Value", record.spec.name}, {"PropagateAtLaunch", true}});

  json one = resource("AWS::AutoScaling::AutoScalingGroup", properties);
  one["DependsOn"] = first;
  const int count = size.desired.value_or(size.least);
  if (count > 0) {
    one["CreationPolicy"] = {
        {"ResourceSignal", {{"Count", count}, {"Timeout", duration(record.rollout.rules.limit)}}}};
    one["UpdatePolicy"] = update_policy(record, size);
  }
  one["Metadata"] = {{"vmfleet", to_json(record)}};
  return one;
}

json tracking(const json& metric, double value) {
  json configuration = metric;
  configuration["TargetValue"] = value;
  return resource("AWS::AutoScaling::ScalingPolicy", {{"AutoScalingGroupName", reference(kGroup)},
                                                      {"PolicyType", "TargetTrackingScaling"},
                                                      {"TargetTrackingConfiguration", configuration}});
}

json policy(const Record& record, const fleet::Target& target) {
  const std::string targets = targets_name(record.port());
  switch (target.metric) {
    case fleet::Metric::Cpu:
      return tracking(
          {{"PredefinedMetricSpecification", {{"PredefinedMetricType", "ASGAverageCPUUtilization"}}}},
          target.value);
    case fleet::Metric::Requests:
      return tracking(
          {{"PredefinedMetricSpecification",
            {{"PredefinedMetricType", "ALBRequestCountPerTarget"},
             {"ResourceLabel",
              {{"Fn::Join",
                json::array({"/", json::array({attribute("Balancer", "LoadBalancerFullName"),
                                               attribute(targets, "TargetGroupFullName")})})}}}}}},
          target.value * 60);  // AWS counts in minutes
    case fleet::Metric::Response:
      return tracking(
          {{"CustomizedMetricSpecification",
            {{"Namespace", "AWS/ApplicationELB"},
             {"MetricName", "TargetResponseTime"},
             {"Dimensions",
              json::array(
                  {{{"Name", "LoadBalancer"}, {"Value", attribute("Balancer", "LoadBalancerFullName")}},
                   {{"Name", "TargetGroup"}, {"Value", attribute(targets, "TargetGroupFullName")}}})},
             {"Statistic", "Average"},
             {"Unit", "Seconds"}}}},
          target.value / 1000);
  }
  return {};
}

json scheduled(const Record& record, const fleet::Scheduled& when) {
  std::string days;
  for (int day = 0; day < 7; ++day)
    if (when.days & (1 << day))
      days += (days.empty() ? "" : ",") + std::to_string(day);
  return resource("AWS::AutoScaling::ScheduledAction",
                  {{"AutoScalingGroupName", reference(kGroup)},
                   {"MinSize", when.least},
                   {"MaxSize", when.most},
                   {"Recurrence", fmt::format("{} {} * * {}", when.minute % 60, when.minute / 60, days)},
                   {"TimeZone", record.time_zone}});
}

/// What instances may do, besides nothing: read these secrets.
void add_role(json& resources, const std::vector<std::string>& secrets) {
  auto statements = json::array();
  for (const auto& arn : secrets) {
    const bool parameter = arn.find(":ssm:") != std::string::npos;
    statements.push_back({{"Effect", "Allow"},
                          {"Action", parameter ? "ssm:GetParameter" : "secretsmanager:GetSecretValue"},
                          // A secret's own name ends with six characters of AWS's choice.
                          {"Resource", parameter ? json(arn) : json::array({arn, arn + "-??????"})}});
  }
  resources["Role"] = resource(
      "AWS::IAM::Role",
      {{"AssumeRolePolicyDocument",
        {{"Version", "2012-10-17"},
         {"Statement", json::array({{{"Effect", "Allow"},
                                     {"Principal", {{"Service", "ec2.amazonaws.com"}}},
                                     {"Action", "sts:AssumeRole"}}})}}},
       {"Policies",
        json::array({{{"PolicyName", "secrets"},
                      {"PolicyDocument", {{"Version", "2012-10-17"}, {"Statement", statements}}}}})}});
  resources["Profile"] = resource("AWS::IAM::InstanceProfile", {{"Roles", json::array({reference("Role")})}});
}

}  // namespace

Balancer balancer_of(const Record& record) {
  if (const auto asked = read_options(record.spec.driver_options).balancer)
    return *asked;
  const auto& launch = record.launch;
  const bool http = launch.health.type == recipe::HealthType::Http && launch.ports.size() == 1;
  return http ? Balancer::Application : Balancer::Network;
}

std::string targets_name(std::uint16_t port) {
  return fmt::format("Targets{}", port);
}

json make_template(const Record& record) {
  const Options options = read_options(record.spec.driver_options);
  const bool application = balancer_of(record) == Balancer::Application;
  json resources{{"BalancerAccess", access(record, "Who reaches the balancer of the fleet", true)},
                 {"InstanceAccess", access(record, "What reaches the instances of the fleet", false)},
                 {"Balancer", balancer(record, options)}};
  for (const auto& [port, transport] : protocols(record)) {
    const std::string protocol = application ? "HTTP" : transport;
    resources[targets_name(port)] = targets(record, port, protocol);
    resources[fmt::format("Listener{}", port)] =
        listener(port, outside(record, port), protocol, options.certificate);
  }
  if (!options.readable.empty())
    add_role(resources, options.readable);
  resources["Template"] = launch_template(record, options);
  resources[kGroup] = group(record);
  if (const auto& autoscale = record.spec.autoscale; autoscale && !record.stopped) {
    for (const auto& target : autoscale->targets) {
      std::string name = fleet::to_string(target.metric);
      name.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(name.front())));
      resources[name + "Target"] = policy(record, target);
    }
    int number = 0;
    for (const auto& when : autoscale->schedule)
      resources[fmt::format("Schedule{}", ++number)] = scheduled(record, when);
  }
  return {
      {"AWSTemplateFormatVersion", "2010-09-09"},
      {"Description", fmt::format("The fleet {}, made by vmfleet: an Auto Scaling group of instances of {} "
                                  "behind a load balancer.",
                                  record.spec.name, record.launch.spec.image.filename().string())},
      {"Resources", resources},
      {"Outputs", {{kAddress, {{"Value", attribute("Balancer", "DNSName")}}}}}};
}

std::string to_text(const json& document) {
  return document.dump(2) + "\n";
}

Record record_in(const std::string& text, const std::string& where) {
  const auto document = json::parse(text, nullptr, false);
  const json::json_pointer place(fmt::format("/Resources/{}/Metadata/vmfleet", kGroup));
  if (document.is_discarded() || !document.contains(place))
    throw support::failure(where + ": its template is none that vmfleet made");
  return parse_record(document.at(place), where);
}

void check_record(const Record& record) {
  const Options options = read_options(record.spec.driver_options);
  const auto& launch = record.launch;
  if (launch.ports.empty())
    throw support::invalid("the image has no port that a load balancer could lead to");
  const bool tcp = std::ranges::any_of(
      launch.ports, [](const recipe::Port& port) { return port.protocol == recipe::Protocol::Tcp; });
  if (launch.health.type == recipe::HealthType::None && !tcp)
    throw support::invalid("a load balancer can ask only by TCP or HTTP whether an instance is healthy",
                           "give the image a TCP port and a HEALTH");
  if (!options.certificate.empty()) {
    if (!tcp)
      throw support::invalid("TLS is for TCP, and the image has no such port",
                             "leave the option 'certificate' out");
    for (const auto& [port, protocol] : protocols(record))
      if (protocol == "TCP_UDP")
        throw support::invalid(fmt::format("port {} has TCP and UDP, and there is no TLS of both", port),
                               "give them two ports, or leave the option 'certificate' out");
  }
  const bool application = balancer_of(record) == Balancer::Application;
  if (application && std::ranges::any_of(launch.ports, [](const recipe::Port& port) {
        return port.protocol == recipe::Protocol::Udp;
      }))
    throw support::invalid("an Application Load Balancer has no UDP", "leave the option 'balancer' out");
  if (application && record.network.subnets.size() < 2)
    throw support::invalid("an Application Load Balancer needs subnets in two availability zones",
                           "name two or more: --driver-opt subnets=SUBNET,SUBNET");
  if (record.rollout.rules.strategy == fleet::Strategy::Canary)
    throw support::invalid("the driver 'aws' has no strategy 'canary' yet",
                           "use rolling, blue-green or all-at-once");
  if (record.spec.autoscale)
    for (const auto& target : record.spec.autoscale->targets)
      if (target.metric != fleet::Metric::Cpu && !application)
        throw support::invalid(
            fmt::format("a Network Load Balancer does not count '{}'", fleet::to_string(target.metric)),
            "autoscale by cpu");
  for (const auto& [key, value] : launch.spec.environment)
    if (value.find("{{resolve:") != std::string::npos)
      throw support::invalid(
          fmt::format("CloudFormation would put something else in the place of {}'s value", key),
          "it must not have '{{resolve:' in it");
  if (const auto size = make_user_data(launch.spec.environment, {}).size(); size > kLargestUserData)
    throw support::invalid(
        fmt::format("the settings are {} bytes long, and EC2 takes {}", size, kLargestUserData));
  if (const auto size = to_text(make_template(record)).size(); size > kLargestTemplate)
    throw support::invalid(
        fmt::format("the template is {} bytes long, and CloudFormation takes {}", size, kLargestTemplate),
        "shorten the settings");
}

}  // namespace vmfleet::driver::aws
