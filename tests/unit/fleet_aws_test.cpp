// What the driver of AWS tells CloudFormation, as text, and what it makes of answers.

#include <gtest/gtest.h>

#include <algorithm>

#include "driver/aws/answers.hpp"
#include "driver/aws/instance_type.hpp"
#include "driver/aws/options.hpp"
#include "driver/aws/record.hpp"
#include "driver/aws/sight.hpp"
#include "driver/aws/template.hpp"
#include "expect.hpp"
#include "support/base64.hpp"
#include "support/error.hpp"

namespace vmfleet::driver::aws {
namespace {

using vmimage::support::Error;
using Pointer = ordered_json::json_pointer;

template <typename Call>
std::string refusal(const Call& call) {
  const Error error = vmimage::error_of(call);
  EXPECT_EQ(error.kind(), vmimage::support::ErrorKind::Usage);
  return std::string(error.what()) + " | " + error.hint();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A fleet of two instances of a service that speaks HTTP on one port.
Record orders() {
  Record record{.spec = {.name = "orders", .image = "/images/orders.qcow2", .count = 2},
                .network = {"vpc-1", {"subnet-a", "subnet-b"}},
                .launch = {.spec = {},
                           .digest = "sha256:1",
                           .ami = "ami-1",
                           .instance_type = "t3.micro",
                           .ports = {{8080}},
                           .health = vmimage::recipe::parse_health("http://:8080/healthz")},
                .before = {},
                .rollout = {}};
  record.spec.driver = "aws";
  record.spec.environment = {{"LEVEL", "debug"}};
  record.launch.spec = record.spec;
  return record;
}

const ordered_json& at(const ordered_json& document, const std::string& place) {
  return document.at(Pointer("/Resources/" + place));
}

TEST(FleetAws, MakesATemplateForHttp) {
  const auto made = make_template(orders());
  EXPECT_EQ("application", at(made, "Balancer/Properties/Type"));
  EXPECT_EQ("internal", at(made, "Balancer/Properties/Scheme"));
  EXPECT_EQ("HTTP", at(made, "Listener8080/Properties/Protocol"));
  EXPECT_EQ("/healthz", at(made, "Targets8080/Properties/HealthCheckPath"));
  const auto& data = at(made, "Template/Properties/LaunchTemplateData");
  EXPECT_EQ("ami-1", data.at("ImageId"));
  EXPECT_EQ("required", data.at("MetadataOptions").at("HttpTokens"));
  EXPECT_EQ(R"({"environment":{"LEVEL":"debug"},"secrets":{},"vmimage":1})",
            data.at("UserData").at("Fn::Base64"));
  EXPECT_FALSE(data.contains("IamInstanceProfile"));
  EXPECT_EQ("2", at(made, "Group/Properties/MinSize"));
  EXPECT_EQ("3", at(made, "Group/Properties/MaxSize"));
  EXPECT_EQ("2", at(made, "Group/Properties/DesiredCapacity"));
  EXPECT_EQ("ELB", at(made, "Group/Properties/HealthCheckType"));
  // Nobody but the balancer reaches an instance.
  for (const auto& rule : at(made, "InstanceAccess/Properties/SecurityGroupIngress")) {
    EXPECT_TRUE(rule.contains("SourceSecurityGroupId"));
    EXPECT_FALSE(rule.contains("CidrIp"));
  }
  const std::string text = to_text(made);
  EXPECT_LT(text.find("\"AWSTemplateFormatVersion\""), text.find("\"Resources\""));
  EXPECT_EQ(orders(), record_in(text, "the stack"));
}

TEST(FleetAws, LeadsOtherProtocolsThroughANetworkLoadBalancer) {
  Record record = orders();
  record.launch.ports = {{53}, {53, vmimage::recipe::Protocol::Udp}, {9000}};
  record.launch.health = vmimage::recipe::parse_health("tcp://:53");
  record.spec.port = 5353;
  const auto made = make_template(record);
  EXPECT_EQ("network", at(made, "Balancer/Properties/Type"));
  EXPECT_EQ("TCP_UDP", at(made, "Targets53/Properties/Protocol"));
  EXPECT_EQ("TCP", at(made, "Targets53/Properties/HealthCheckProtocol"));
  EXPECT_EQ(5353, at(made, "Listener53/Properties/Port"));
  EXPECT_EQ("TCP", at(made, "Listener9000/Properties/Protocol"));
  EXPECT_EQ(3u, at(made, "InstanceAccess/Properties/SecurityGroupIngress").size());
  EXPECT_EQ(53, at(made, "InstanceAccess/Properties/SecurityGroupIngress/1/FromPort"));
  EXPECT_EQ("udp", at(made, "InstanceAccess/Properties/SecurityGroupIngress/1/IpProtocol"));
}

TEST(FleetAws, EndsTlsAtTheBalancer) {
  const std::string certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/0123abcd-01";
  Record record = orders();
  record.spec.driver_options["certificate"] = certificate;
  auto made = make_template(record);
  EXPECT_EQ("HTTPS", at(made, "Listener8080/Properties/Protocol"));
  EXPECT_EQ(certificate, at(made, "Listener8080/Properties/Certificates/0/CertificateArn"));
  EXPECT_EQ("HTTP", at(made, "Targets8080/Properties/Protocol"));
  record.launch.ports = {{53, vmimage::recipe::Protocol::Udp}, {9000}};
  record.launch.health = vmimage::recipe::parse_health("tcp://:9000");
  made = make_template(record);
  EXPECT_EQ("TLS", at(made, "Listener9000/Properties/Protocol"));
  EXPECT_EQ("TCP", at(made, "Targets9000/Properties/Protocol"));
  EXPECT_FALSE(at(made, "Listener53/Properties").contains("Certificates"));
  record.launch.ports = {{53}, {53, vmimage::recipe::Protocol::Udp}};
  EXPECT_TRUE(contains(refusal([&] { check_record(record); }), "no TLS of both"));
}

TEST(FleetAws, RollsByTheStrategy) {
  Record record = orders();
  record.spec.count = 4;
  auto rolling = at(make_template(record), "Group/UpdatePolicy/AutoScalingRollingUpdate");
  EXPECT_EQ(4, rolling.at("MinInstancesInService"));
  EXPECT_EQ(1, rolling.at("MaxBatchSize"));
  EXPECT_EQ("PT300S", rolling.at("PauseTime"));
  EXPECT_EQ(true, rolling.at("WaitOnResourceSignals"));
  record.rollout.rules.surge = {0, false};
  record.rollout.rules.batch = {50, true};
  record.rollout.rules.limit = std::chrono::hours(2);
  const auto made = make_template(record);
  rolling = at(made, "Group/UpdatePolicy/AutoScalingRollingUpdate");
  EXPECT_EQ("4", at(made, "Group/Properties/MaxSize"));
  EXPECT_EQ(3, rolling.at("MinInstancesInService")) << "less than MaxSize, or CloudFormation refuses it";
  EXPECT_EQ(2, rolling.at("MaxBatchSize"));
  EXPECT_EQ("PT3600S", rolling.at("PauseTime"));
  record.rollout.rules.strategy = fleet::Strategy::BlueGreen;
  const auto replacing = at(make_template(record), "Group");
  EXPECT_EQ(true, replacing.at("UpdatePolicy").at("AutoScalingReplacingUpdate").at("WillReplace"));
  EXPECT_FALSE(replacing.at("UpdatePolicy").contains("AutoScalingRollingUpdate"));
  EXPECT_EQ(4, replacing.at("CreationPolicy").at("ResourceSignal").at("Count"));
  record.rollout.rules.strategy = fleet::Strategy::AllAtOnce;
  rolling = at(make_template(record), "Group/UpdatePolicy/AutoScalingRollingUpdate");
  EXPECT_EQ(0, rolling.at("MinInstancesInService"));
  EXPECT_EQ(4, rolling.at("MaxBatchSize"));
}

TEST(FleetAws, WaitsForNobodyWhenItIsStopped) {
  Record record = orders();
  record.stopped = true;
  const auto group = at(make_template(record), "Group");
  EXPECT_EQ("0", group.at("Properties").at("MaxSize"));
  EXPECT_FALSE(group.contains("CreationPolicy"));
  EXPECT_FALSE(group.contains("UpdatePolicy"));
}

TEST(FleetAws, ScalesByLoadAndByTheClock) {
  Record record = orders();
  record.time_zone = "Europe/Berlin";
  record.spec.autoscale = fleet::Autoscale{
      .least = 2,
      .most = 8,
      .targets = {{fleet::Metric::Cpu, 60}, {fleet::Metric::Requests, 20}, {fleet::Metric::Response, 50}},
      .schedule = {{.minute = 8 * 60 + 30, .days = 0b0111110, .least = 4, .most = 8}}};
  check_record(record);
  const auto made = make_template(record);
  EXPECT_EQ("8", at(made, "Group/Properties/MaxSize"));
  EXPECT_FALSE(at(made, "Group/Properties").contains("DesiredCapacity")) << "the load says";
  const std::string tracking = "/Properties/TargetTrackingConfiguration/";
  EXPECT_EQ(60, at(made, "CpuTarget" + tracking + "TargetValue"));
  EXPECT_EQ(1200, at(made, "RequestsTarget" + tracking + "TargetValue")) << "AWS counts in minutes";
  EXPECT_EQ(0.05, at(made, "ResponseTarget" + tracking + "TargetValue"));
  EXPECT_EQ("30 8 * * 1,2,3,4,5", at(made, "Schedule1/Properties/Recurrence"));
  EXPECT_EQ("Europe/Berlin", at(made, "Schedule1/Properties/TimeZone"));
  record.spec.driver_options["balancer"] = "network";
  EXPECT_TRUE(contains(refusal([&] { check_record(record); }), "does not count 'requests'"));
}

TEST(FleetAws, GivesInstancesNoMoreRightsThanWereAskedFor) {
  Record record = orders();
  const std::string secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders/db";
  const std::string parameter = "arn:aws:ssm:eu-central-1:123456789012:parameter/orders/key";
  record.spec.driver_options["secrets"] = secret + "," + parameter;
  const auto made = make_template(record);
  const auto& statements = at(made, "Role/Properties/Policies/0/PolicyDocument/Statement");
  ASSERT_EQ(2u, statements.size());
  EXPECT_EQ("secretsmanager:GetSecretValue", statements[0].at("Action"));
  EXPECT_EQ(ordered_json::array({secret, secret + "-??????"}), statements[0].at("Resource"));
  EXPECT_EQ("ssm:GetParameter", statements[1].at("Action"));
  EXPECT_EQ(parameter, statements[1].at("Resource"));
  EXPECT_TRUE(at(made, "Template/Properties/LaunchTemplateData").contains("IamInstanceProfile"));
}

TEST(FleetAws, RefusesWhatAwsHasNoMeansFor) {
  const auto refused = [](const auto& spoil) {
    Record record = orders();
    spoil(record);
    return refusal([&] { check_record(record); });
  };
  EXPECT_TRUE(contains(refused([](Record& r) { r.launch.ports.clear(); }), "no port"));
  EXPECT_TRUE(contains(refused([](Record& r) { r.network.subnets.pop_back(); }), "two availability zones"));
  EXPECT_TRUE(contains(refused([](Record& r) { r.rollout.rules.strategy = fleet::Strategy::Canary; }),
                       "no strategy 'canary'"));
  EXPECT_TRUE(contains(refused([](Record& r) {
                         r.launch.ports = {{53, vmimage::recipe::Protocol::Udp}};
                         r.launch.health = {};
                       }),
                       "TCP port"));
  EXPECT_TRUE(contains(refused([](Record& r) { r.launch.spec.environment["A"] = "{{resolve:ssm:x}}"; }),
                       "'{{resolve:'"));
  EXPECT_TRUE(contains(refused([](Record& r) { r.launch.spec.environment["A"] = std::string(17000, 'a'); }),
                       "EC2 takes 16384"));
}

TEST(FleetAws, ReadsItsOptions) {
  const auto options = read_options({{"instance_type", "m7i.large"},
                                     {"subnets", "subnet-0123456789abcdef0,subnet-0123456789abcdef1"},
                                     {"scheme", "internet-facing"}});
  EXPECT_EQ("m7i.large", options.instance_type);
  EXPECT_EQ(2u, options.subnets.size());
  EXPECT_EQ(Scheme::InternetFacing, options.scheme);
  const auto refused = [](const std::string& key, const std::string& value) {
    return refusal([&] { read_options({{key, value}}); });
  };
  EXPECT_TRUE(contains(refused("subnet", "x"), "did you mean 'subnets'"));
  EXPECT_TRUE(contains(refused("subnets", "subnet-0123456789abcdef0,"), "is none"));
  EXPECT_TRUE(contains(refused("scheme", "public"), "internet-facing"));
  EXPECT_TRUE(contains(refused("instance_type", "large"), "t3.micro"));
  EXPECT_TRUE(contains(refused("secrets", "db-password"), "arn:aws:secretsmanager"));
  EXPECT_TRUE(contains(refused("certificate", "shop.pem"), "arn:aws:acm"));
}

TEST(FleetAws, TakesTheSmallestInstanceTypeThatIsLargeEnough) {
  constexpr std::uint64_t kGigabyte = 1ull << 30;
  EXPECT_EQ("t3.nano", smallest_type({1, kGigabyte / 2}));
  EXPECT_EQ("t3.micro", smallest_type({2, kGigabyte / 2 + 1}));
  EXPECT_EQ("c6i.xlarge", smallest_type({4, 8 * kGigabyte}));
  EXPECT_TRUE(contains(refusal([] { smallest_type({256, 1}); }), "256 processors"));
  check_type({"t3.nano", 2, kGigabyte / 2, {"x86_64"}, "nitro"}, {1, kGigabyte / 4});
  EXPECT_TRUE(contains(refusal([] {
                         check_type({"t4g.nano", 2, kGigabyte, {"arm64"}, "nitro"}, {1, 1});
                       }),
                       "for arm64"));
  EXPECT_TRUE(contains(refusal([] {
                         check_type({"t2.nano", 1, kGigabyte, {"i386", "x86_64"}, "xen"}, {1, 1});
                       }),
                       "Nitro"));
  EXPECT_TRUE(contains(refusal([] {
                         check_type({"t3.nano", 2, kGigabyte / 2, {"x86_64"}, "nitro"}, {4, 1});
                       }),
                       "smaller"));
}

TEST(FleetAws, SaysWhatIsWrongWithARecord) {
  for (const std::string text :
       {"", "{}", R"({"Resources": {"Group": {"Metadata": {"vmfleet": {"version": 2}}}}})",
        R"({"Resources": {"Group": {"Metadata": {"vmfleet": {"version": 1}}}}})"})
    EXPECT_THROW(record_in(text, "the stack"), Error) << text;
}

/// Two healthy instances of version 1 of the launch template.
Look settled() {
  Look look{.stack = {"arn", "CREATE_COMPLETE", "", 1000, {{"Address", "orders.elb"}}},
            .record = orders(),
            .resources = {{"Group", "g1"}},
            .groups = {{"g1", "", "1", 2, 3, 2, {{"i-0a", "InService", "1"}, {"i-0b", "InService", "1"}}}},
            .instances = {{"i-0a", "running", "10.0.0.1", "ami-1", 1010, ""},
                          {"i-0b", "running", "10.0.0.2", "ami-1", 1010, ""}},
            .targets = {{"i-0a", {"healthy", ""}}, {"i-0b", {"healthy", ""}}}};
  return look;
}

TEST(FleetAws, TellsItsStatus) {
  const auto status = to_status(settled());
  EXPECT_TRUE(status.settled);
  EXPECT_EQ(2, status.healthy());
  EXPECT_EQ("http://orders.elb:8080", status.endpoint);
  ASSERT_EQ(2u, status.instances.size());
  EXPECT_EQ("orders-0a", status.instances[0].id);
  EXPECT_EQ("10.0.0.1:8080", status.instances[0].address);
  EXPECT_EQ("/images/orders.qcow2", status.instances[0].image);
  EXPECT_EQ("", status.problem);
  EXPECT_EQ("i-0a", instance_of("orders", "orders-0a"));
  EXPECT_TRUE(to_signal(settled()).empty()) << "nobody waits";
}

TEST(FleetAws, TellsCloudFormationOfNewInstancesAlone) {
  Look look = settled();
  look.stack.status = "UPDATE_IN_PROGRESS";
  look.stack.changed = 2000;
  look.groups[0].version = "2";
  look.groups[0].members.push_back({"i-0c", "InService", "2"});
  look.instances.push_back({"i-0c", "running", "10.0.0.3", "ami-2", 2005, ""});
  EXPECT_TRUE(to_signal(look).empty()) << "it does not answer yet";
  look.targets["i-0c"] = {"healthy", ""};
  EXPECT_EQ(std::vector<std::string>{"i-0c"}, to_signal(look));
  const auto status = to_status(look);
  EXPECT_FALSE(status.settled);
  EXPECT_FALSE(status.instances[0].current);
  EXPECT_TRUE(status.instances[2].current);
  look.stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS";
  EXPECT_TRUE(to_signal(look).empty());
}

TEST(FleetAws, TellsOfWhatCloudFormationHasTakenBack) {
  Look look = settled();
  look.record.rollout.number = 3;
  look.stack.status = "UPDATE_ROLLBACK_COMPLETE";
  look.reason = "Group: Received 0 SUCCESS signal(s) out of 1.";
  const auto status = to_status(look);
  EXPECT_TRUE(status.settled);
  EXPECT_TRUE(status.rollout.back);
  EXPECT_EQ(5, status.rollout.number) << "the change was the fourth";
  EXPECT_EQ(look.reason, status.rollout.reason);
  look.stack.status = "UPDATE_ROLLBACK_FAILED";
  const auto stuck = to_status(look);
  EXPECT_FALSE(stuck.settled);
  EXPECT_TRUE(contains(stuck.problem, "UPDATE_ROLLBACK_FAILED"));
  look.stack.status = "ROLLBACK_COMPLETE";
  EXPECT_EQ(3, to_status(look).quick_failures) << "waiting longer helps nobody";
}

TEST(FleetAws, ShowsWhatWasChangedByHand) {
  Look look = settled();
  EXPECT_EQ("", drift(look));
  look.groups[0].desired = 5;
  look.groups[0].most = 5;
  EXPECT_TRUE(contains(drift(look), "desired 5 and not 2, most 5 and not 3"));
  EXPECT_TRUE(contains(to_status(look).problem, "outside vmfleet"));
  EXPECT_FALSE(to_status(look).settled) << "three are on their way";
  look.stack.status = "UPDATE_IN_PROGRESS";
  EXPECT_EQ("", drift(look)) << "a rolling update is larger for a while";
}

pugi::xml_document xml(const std::string& text) {
  pugi::xml_document document;
  EXPECT_TRUE(document.load_string(text.c_str()));
  return document;
}

TEST(FleetAws, ReadsAnswers) {
  const auto stack =
      xml(R"(<member><StackId>arn</StackId><StackStatus>UPDATE_ROLLBACK_IN_PROGRESS</StackStatus>
      <CreationTime>2026-01-31T12:00:00.000Z</CreationTime><LastUpdatedTime>2026-01-31T13:00:00.123Z</LastUpdatedTime>
      <Outputs><member><OutputKey>Address</OutputKey><OutputValue>a.elb</OutputValue></member></Outputs></member>)");
  const Stack read = read_stack(stack.document_element());
  EXPECT_TRUE(read.busy() && read.back());
  EXPECT_FALSE(read.stillborn() || read.stuck());
  EXPECT_EQ(1769864400, read.changed);
  EXPECT_EQ("a.elb", read.outputs.at("Address"));
  const auto activity =
      xml(R"(<member><Description>Launching a new EC2 instance: i-0123456789abcdef0</Description>
      <StartTime>2026-01-31T12:00:00Z</StartTime><StatusCode>Successful</StatusCode></member>)");
  const auto event = to_event(read_activity(activity.document_element()));
  EXPECT_EQ("starting", event.event);
  EXPECT_EQ("i-0123456789abcdef0", event.instance);
}

TEST(FleetAws, ReadsConsoles) {
  using vmimage::support::base64;
  using vmimage::support::from_base64;
  for (const std::string text : {"", "a", "ab", "abc", "a longer one, with\n line breaks"})
    EXPECT_EQ(text, from_base64(base64(text)));
  EXPECT_EQ("abcdef", from_base64("YWJj\nZGVm\n"));
  EXPECT_EQ("", from_base64("?"));
}

TEST(FleetAws, FindsTheReasonOfTheLastChangeAlone) {
  // The newest first, as CloudFormation lists them.
  const std::vector<StackEvent> events{{9, "vmfleet-orders", "UPDATE_ROLLBACK_IN_PROGRESS",
                                        "The following resource(s) failed to update: [Group]"},
                                       {8, "CpuTarget", "UPDATE_FAILED", "Resource update cancelled"},
                                       {7, "Group", "UPDATE_FAILED", "Received 0 SUCCESS signal(s) out of 1"},
                                       {6, "vmfleet-orders", "UPDATE_IN_PROGRESS", "User Initiated"},
                                       {5, "Group", "UPDATE_FAILED", "something older"}};
  EXPECT_EQ("Group: Received 0 SUCCESS signal(s) out of 1", reason_of(events));
}

}  // namespace
}  // namespace vmfleet::driver::aws
