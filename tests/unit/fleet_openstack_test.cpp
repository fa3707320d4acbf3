// What the driver of OpenStack makes of answers that a real cloud gave (tests/unit/openstack), and how it
// leads two groups of servers through a change.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "driver/openstack/cloud.hpp"
#include "driver/openstack/front.hpp"
#include "driver/openstack/key.hpp"
#include "driver/openstack/options.hpp"
#include "driver/openstack/record.hpp"
#include "driver/openstack/steps.hpp"
#include "driver/openstack/template.hpp"
#include "driver/user_data.hpp"
#include "expect.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"
#include "support/time.hpp"

namespace vmfleet::driver::openstack {
namespace {

using balancer::Mode;
using vmimage::support::Error;
using vmimage::support::read_file;

json answer(const std::string& name) {
  return json::parse(
      read_file(std::filesystem::path(SOURCE_FOLDER) / "tests/unit/openstack" / (name + ".json")));
}

template <typename Call>
std::string refusal(const Call& call) {
  const Error error = vmimage::error_of(call);
  EXPECT_EQ(error.kind(), vmimage::support::ErrorKind::Usage);
  return std::string(error.what()) + " | " + error.hint();
}

TEST(FleetOpenstack, ReadsAStack) {
  const Stack stack = read_stack(answer("stack"));
  EXPECT_EQ("UPDATE_COMPLETE", stack.status);
  EXPECT_FALSE(stack.busy() || stack.failed());
  EXPECT_EQ("10.77.0.117", stack.address);
  EXPECT_EQ(2u, stack.groups.at("a").size());
  EXPECT_EQ(1u, stack.groups.at("b").size());
  EXPECT_EQ("2", stack.parameters.at("a_count"));
  EXPECT_EQ(vmimage::support::parse_time("2026-11-29T11:14:13Z"), stack.changed);
  const Record record = parse_record(stack.parameters.at("fleet"), "the stack");
  EXPECT_EQ("b", record.current);
  EXPECT_EQ(8080, record.port);
  EXPECT_EQ(record, parse_record(to_json(record), "the stack"));
}

TEST(FleetOpenstack, SeesWhatWasChangedByHand) {
  auto parameters = read_stack(answer("stack")).parameters;
  Record record;
  record.told = parameters_of_groups(parameters);
  EXPECT_EQ(8u, record.told.size());
  EXPECT_EQ("", drift(record, parameters));
  parameters["a_count"] = "7";
  parameters["fleet"] = "another";
  EXPECT_EQ("a_count is 7, not 2", drift(record, parameters));
}

TEST(FleetOpenstack, SaysWhatIsWrongWithARecord) {
  for (const std::string text : {"", "{}", R"({"version": 2})", R"({"version": 1, "spec": 3})"})
    EXPECT_THROW(parse_record(text, "the stack"), Error) << text;
}

TEST(FleetOpenstack, ReadsItsServersAndNoOthers) {
  const auto servers = read_servers(answer("servers"), "conformance");
  ASSERT_EQ(4u, servers.size());
  EXPECT_TRUE(std::ranges::is_sorted(servers, {}, &Server::created));
  const auto last = servers.back();
  EXPECT_EQ("69ad3bb1-5bf5-4837-a232-1f279b9faf10", last.id);
  EXPECT_EQ("b", last.group);
  EXPECT_EQ("10.77.0.168", last.address);
  EXPECT_EQ("ACTIVE", last.status);
  EXPECT_TRUE(read_servers(answer("servers"), "conform").empty());
}

TEST(FleetOpenstack, ReadsEventsOfServersThatAreGone) {
  const auto events = read_events(answer("events"), "vmfleet-conformance",
                                  [](const std::string& id) { return "conformance-" + id.substr(0, 8); });
  const auto of = [&](const std::string& id) {
    std::vector<std::string> words;
    for (const auto& event : events)
      if (event.instance == id)
        words.push_back(event.event + (event.text.empty() ? "" : ": " + event.text));
    return words;
  };
  EXPECT_EQ((std::vector<std::string>{"create complete", "check failed: it is DELETED", "delete in progress",
                                      "delete complete"}),
            of("conformance-a03f8610"));
  EXPECT_EQ(std::vector<std::string>{"create complete"}, of("conformance-88df7022"));
  EXPECT_TRUE(std::ranges::is_sorted(events, {}, &fleet::Event::time));
}

TEST(FleetOpenstack, ChoosesTheSmallestFlavorThatIsLargeEnough) {
  const auto flavors = answer("flavors");
  const auto id = [&](const std::string& name) {
    for (const auto& one : flavors)
      if (one.at("name") == name)
        return one.at("id").get<std::string>();
    return std::string();
  };
  const Need little{1, 128ull << 20, 1ull << 30};
  EXPECT_EQ(id("small"), choose_flavor(flavors, "", little));
  EXPECT_EQ(id("large"), choose_flavor(flavors, "", {1, 300ull << 20, 1ull << 30}));
  EXPECT_EQ(id("large"), choose_flavor(flavors, "large", little));
  EXPECT_EQ(id("large"), choose_flavor(flavors, id("large"), little));
  EXPECT_NE(std::string::npos,
            refusal([&] { choose_flavor(flavors, "huge", little); }).find("small (1 processors"));
  EXPECT_NE("", refusal([&] { choose_flavor(flavors, "small", {1, 128ull << 20, 2ull << 30}); }));
  EXPECT_NE("", refusal([&] { choose_flavor(flavors, "", {9, 0, 0}); }));
}

TEST(FleetOpenstack, ChoosesTheOnlyNetwork) {
  auto networks = answer("networks");
  const std::string guests = networks.at(0).at("id");
  EXPECT_EQ(guests, choose_network(networks, ""));
  EXPECT_EQ(guests, choose_network(networks, "guests"));
  EXPECT_NE("", refusal([&] { choose_network(networks, "gusts"); }));
  networks.push_back({{"id", "2"}, {"name", "world"}, {"router:external", true}});
  EXPECT_EQ(guests, choose_network(networks, ""));
  networks.push_back({{"id", "3"}, {"name", "guests"}, {"router:external", false}});
  EXPECT_NE(std::string::npos, refusal([&] { choose_network(networks, ""); }).find("network=NAME"));
  EXPECT_NE(std::string::npos, refusal([&] { choose_network(networks, "guests"); }).find("identifier"));
}

TEST(FleetOpenstack, KnowsItsOptions) {
  const auto options =
      read_options({{"cloud", "mine"}, {"flavor", "m1"}, {"network", "n"}, {"secrets", "config-drive"}});
  EXPECT_EQ("mine", options.cloud);
  EXPECT_TRUE(options.secrets);
  EXPECT_NE(std::string::npos, refusal([] {
                                 read_options({{"netwrok", "n"}});
                               }).find("did you mean 'network'"));
  EXPECT_NE("", refusal([] { read_options({{"secrets", "yes"}}); }));
}

TEST(FleetOpenstack, TemplateHasWhatAFleetIsMadeOf) {
  const auto document = json::parse(make_template({"orders", {8080, 9090}, 80, 9443}));
  const auto& resources = document.at("resources");
  for (const auto* group : {"group_a", "group_b"}) {
    const auto& properties = resources.at(group).at("properties");
    EXPECT_EQ(properties.at("max_size"), properties.at("desired_capacity")) << "or it could not be empty";
    const auto& server = properties.at("resource");
    EXPECT_EQ("OS::Nova::Server", server.at("type"));
    EXPECT_EQ("RAW", server.at("properties").at("user_data_format"))
        << "else Heat wants a service that few clouds have";
    EXPECT_TRUE(server.at("properties").at("networks").is_array());
    EXPECT_TRUE(server.at("properties").at("security_groups").is_array());
  }
  const auto open = [&](const char* name) {
    std::vector<int> ports;
    for (const auto& rule : resources.at(name).at("properties").at("rules"))
      if (rule.at("protocol") == "tcp")
        ports.push_back(rule.at("port_range_min"));
    return ports;
  };
  EXPECT_EQ((std::vector{8080, 9090}), open("access"));
  EXPECT_EQ((std::vector{80, 9090, 9443}), open("front"));
  for (const auto* name : {"settings_1", "settings_2", "balancer_settings"})
    EXPECT_TRUE(document.at("parameters").at(name).at("hidden").get<bool>()) << name;
}

TEST(FleetOpenstack, UserDataIsInBase64) {
  const auto document = json::parse(make_user_data({{"A", "b c"}}, {{"token", "geheim"}, {"none", ""}}));
  EXPECT_EQ(
      json::parse(
          R"({"vmimage": 1, "environment": {"A": "b c"}, "secrets": {"token": "Z2VoZWlt", "none": ""}})"),
      document);
}

TEST(FleetOpenstack, HaProxyTakesTheBalancersConfiguration) {
  vmimage::recipe::Manifest manifest;
  manifest.ports = {{8080}, {9090}, {53, vmimage::recipe::Protocol::Udp}};
  manifest.health = vmimage::recipe::parse_health("http://:8080/healthz");
  fleet::Spec spec{.name = "orders", .image = "/srv/orders.qcow2"};
  spec.port = 80;
  spec.rules.failed_checks = 5;
  std::string text = front_config(spec, manifest);
  EXPECT_NE(std::string::npos, text.find("bind 0.0.0.0:80\n")) << text;
  EXPECT_NE(std::string::npos, text.find("check inter 1s fall 5 rise 1\n"));
  EXPECT_EQ(std::string::npos, text.find(":53"));
  if (vmimage::support::find_program("haproxy").empty())
    GTEST_SKIP() << "haproxy is missing";
  const vmimage::support::TempDir folder;
  const auto pem = folder.path() / "key.pem";
  vmimage::support::write_file_atomic(pem, make_key());
  const std::string there = "/run/credentials/balancer.service/key.pem";
  for (auto at = text.find(there); at != std::string::npos; at = text.find(there))
    text.replace(at, there.size(), pem.string());
  vmimage::support::write_file_atomic(folder.path() / "haproxy.cfg", text);
  EXPECT_TRUE(vmimage::support::run({.argv = {"haproxy", "-c", "-f", folder.path() / "haproxy.cfg"}}).ok());
}

TEST(FleetOpenstack, SlotsAreKeptAndFreedAndTaken) {
  const auto sight = [](int slot, const std::string& address, Mode mode) {
    return balancer::ServerSight{.slot = slot, .address = address + ":8080", .mode = mode};
  };
  EXPECT_TRUE(
      lead_to({{"10.0.0.1", Mode::Ready}}, {sight(1, "10.0.0.1", Mode::Ready)}, {8080}, true).empty());
  EXPECT_EQ(
      (std::vector<std::string>{
          "set server port-8080/instance1 addr 10.0.0.1 port 8080",
          "set server port-8080/instance1 state drain",
          "set server port-8080/instance3 addr 10.0.0.3 port 8080",
          "set server port-8080/instance3 state ready", "set server port-8080/instance3 health down",
          "set server port-8080/instance2 state maint", "shutdown sessions server port-8080/instance2"}),
      lead_to({{"10.0.0.1", Mode::Drain}, {"10.0.0.3", Mode::Ready}},
              {sight(1, "10.0.0.1", Mode::Ready), sight(2, "10.0.0.2", Mode::Ready)}, {8080}, true));
}

/// A cloud without machines: servers are healthy some looks after they were asked for.
struct World {
  struct One {
    std::string id;
    int healthy_at = 0;
    bool broken = false;
  };
  std::map<std::string, std::deque<One>> groups{{"a", {}}, {"b", {}}};
  std::map<std::string, int> sizes{{"a", 0}, {"b", 0}};
  std::map<std::string, int> draining;  ///< since which look
  Record record;
  std::mt19937 random;
  int look = 0;
  int made = 0;

  explicit World(unsigned seed) : random(seed) {
    record.spec.count = 3;
    record.groups = {{"a", {"1", "one", "1", {}}}, {"b", {"", "one", "1", {}}}};
    sizes["a"] = 3;
  }
  int below(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }

  std::vector<Member> members(const std::string& group) {
    std::vector<Member> all;
    for (const auto& one : groups.at(group)) {
      Member member{.id = one.id, .healthy = !one.broken && look >= one.healthy_at};
      member.idle = draining.contains(one.id) && look > draining.at(one.id) + below(3);
      all.push_back(member);
    }
    return all;
  }
  int serving() {
    int count = 0;
    for (const auto* group : {"a", "b"})
      for (const auto& member : members(group))
        count += member.healthy && !draining.contains(member.id);
    return count;
  }
  /// Heat: its groups get the sizes that they were told, sooner or later. Who took requests until then, has
  /// failed them.
  void heat(bool broken) {
    for (auto& [name, servers] : groups) {
      while (static_cast<int>(servers.size()) > sizes.at(name) && below(2) == 0) {
        const auto& gone = servers.front();
        EXPECT_TRUE(draining.contains(gone.id) || gone.broken || look < gone.healthy_at) << gone.id;
        servers.pop_front();
      }
      while (static_cast<int>(servers.size()) < sizes.at(name)) {
        ++made;
        servers.push_back({std::to_string(made), look + 1 + below(4), broken && name == record.current});
      }
    }
  }
  /// One look, as the driver takes it.
  bool step(bool broken) {
    ++look;
    heat(broken);
    const Seen seen{members(record.current), members(record.other()), sizes.at(record.current),
                    sizes.at(record.other())};
    const auto next = next_step(record, seen, std::chrono::seconds(look));
    std::map<std::string, int> drains;
    for (const auto& id : next.drain)
      drains[id] = draining.contains(id) ? draining.at(id) : look;
    draining = drains;
    if (!next.failure.empty()) {
      record = turned(record, record.rollout.rules, true, next.failure, sizes.at(record.other()) > 0,
                      std::chrono::seconds(look));
      return false;
    }
    record.rollout = next.rollout;
    sizes.at(record.current) = next.current_size;
    sizes.at(record.other()) = next.other_size;
    return next.done;
  }
};

TEST(FleetOpenstack, AnyChangeEndsAndServesMeanwhile) {
  using fleet::Strategy;
  for (unsigned seed = 0; seed < 400; ++seed) {
    World world(seed);
    for (int i = 0; i < 50 && !world.step(false); ++i) {
    }
    ASSERT_EQ(3, world.serving()) << seed;
    fleet::RolloutRules rules;
    rules.strategy = std::array{Strategy::Rolling, Strategy::BlueGreen, Strategy::Canary}.at(seed % 3);
    rules.batch = rules.surge = {1 + world.below(3), false};
    rules.bake = std::chrono::seconds(world.below(5));
    rules.keep_old = std::chrono::seconds(world.below(20));
    rules.limit = std::chrono::seconds(20);
    const bool broken = seed % 5 == 0;
    world.record.groups["b"] = {"2", "two", "2", {}};
    world.record = turned(world.record, rules, false, "", false, std::chrono::seconds(world.look));
    world.sizes["b"] = first_size(world.record, world.sizes["a"]);
    bool done = false;
    for (int i = 0; i < 400 && !(done && world.record.rollout.phase == fleet::Phase::Done); ++i) {
      done = world.step(broken);
      ASSERT_GE(world.serving(), 3) << "seed " << seed << ", look " << world.look;
      ASSERT_LE(world.sizes["a"] + world.sizes["b"], 6) << seed;
    }
    ASSERT_TRUE(done) << seed;
    EXPECT_EQ(broken ? "a" : "b", world.record.current) << seed;
    EXPECT_EQ(broken, world.record.rollout.back) << seed;
    EXPECT_EQ(broken, !world.record.rollout.reason.empty()) << seed;
    EXPECT_EQ(3, world.sizes[world.record.current]);
    EXPECT_EQ(0, world.sizes[world.record.other()]);
  }
}

}  // namespace
}  // namespace vmfleet::driver::openstack
