#include <gtest/gtest.h>
#include <httplib.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "dashboard/dashboard.hpp"
#include "dashboard/page.hpp"
#include "support/json.hpp"

namespace vmfleet::dashboard {
namespace {

using fleet::State;

Snapshot example() {
  Snapshot snapshot;
  snapshot.status.name = "orders";
  snapshot.status.driver = "local";
  snapshot.status.image = "/images/\"orders\"\\\n.qcow2";
  snapshot.status.desired = 2;
  snapshot.status.instances = {
      {"orders-1", State::Healthy, "/i", "127.0.0.1:40001", 1769860800, true, 4711, 200ull << 20, 3.25},
      {"orders-2", State::Failed, "/i", "", 1000, false}};
  snapshot.status.instances[0].rate = {.response_ms = 4, .requests_total = 5'000'000'000, .errors_total = 20};
  snapshot.points = {{.time = 100, .desired = 2, .requests = 1.0 / 3}, {.time = 101, .desired = 2}};
  return snapshot;
}

/// Each sample by its name and labels. Holds the text to the grammar: HELP, TYPE, then the samples of that
/// family, and no family or sample twice.
std::map<std::string, double> parse_metrics(const std::string& text) {
  static const std::regex help(R"(# HELP (vmfleet_[a-z_]+) \S.*\.)");
  static const std::regex type(R"(# TYPE (vmfleet_[a-z_]+) (gauge|counter))");
  static const std::regex sample(
      R"(((vmfleet_[a-z_]+)\{([a-z]+="([^"\\]|\\[\\"n])*"(,[a-z]+="([^"\\]|\\[\\"n])*")*)\}) ([0-9.e+-]+))");
  std::map<std::string, double> samples;
  std::set<std::string> families;
  std::string family;
  std::string kind;
  EXPECT_TRUE(text.ends_with("\n"));
  std::istringstream lines(text);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, match, help)) {
      family = match[1];
      kind.clear();
      EXPECT_TRUE(families.insert(family).second) << line;
    } else if (std::regex_match(line, match, type)) {
      EXPECT_EQ(family, match[1]);
      kind = match[2];
      EXPECT_EQ(kind == "counter", family.ends_with("_total")) << line;
    } else if (std::regex_match(line, match, sample)) {
      EXPECT_EQ(family, match[2]) << line;
      EXPECT_NE("", kind) << line;
      EXPECT_TRUE(samples.emplace(match[1], std::stod(match[7])).second) << line;
    } else {
      ADD_FAILURE() << "no line of metrics: " << line;
    }
  }
  return samples;
}

TEST(FleetDashboard, MetricsAreWhatPrometheusReads) {
  const auto samples = parse_metrics(metrics(example()));
  EXPECT_EQ(
      1, samples.at(R"(vmfleet_info{fleet="orders",image="/images/\"orders\"\\\n.qcow2",driver="local"})"));
  EXPECT_EQ(2, samples.at(R"(vmfleet_instances_desired{fleet="orders"})"));
  EXPECT_EQ(1, samples.at(R"(vmfleet_instances{fleet="orders",state="healthy"})"));
  EXPECT_EQ(0, samples.at(R"(vmfleet_instances{fleet="orders",state="debug"})"));
  EXPECT_EQ(5e9, samples.at(R"(vmfleet_instance_requests_total{fleet="orders",instance="orders-1"})"));
  EXPECT_EQ(0.004, samples.at(R"(vmfleet_instance_response_seconds{fleet="orders",instance="orders-1"})"));
  EXPECT_EQ(1769860800,
            samples.at(R"(vmfleet_instance_start_time_seconds{fleet="orders",instance="orders-1"})"));
  EXPECT_EQ(0u, samples.count(R"(vmfleet_instance_healthy{fleet="orders",instance="orders-2"})"));
}

TEST(FleetDashboard, HistoryIsAListForEachFigure) {
  const auto json = vmimage::support::json::parse(history_json(example()));
  EXPECT_EQ((std::vector<int>{100, 101}), json.at("time").get<std::vector<int>>());
  EXPECT_EQ((std::vector<double>{0.333, 0}), json.at("requests_per_second").get<std::vector<double>>());
  for (const auto& [name, list] : json.items())
    EXPECT_EQ(2u, list.size()) << name;
  EXPECT_EQ("[]", vmimage::support::json::parse(history_json({})).at("time").dump());
}

TEST(FleetDashboard, OnlyLoopbackNamesLeadToIt) {
  for (const auto* host :
       {"127.0.0.1", "127.0.0.1:20123", "localhost:80", "LocalHost", "[::1]:20123", "[::1]"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const auto* host :
       {"", "example.com", "example.com:20123", "127.0.0.1.example.com", "localhost.example.com:80",
        "10.0.0.1", "::1", "localhost:80:80", "127.0.0.1@example.com"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

TEST(FleetDashboard, ThePageNeedsNothingFromElsewhere) {
  const std::string text(page());
  EXPECT_TRUE(text.starts_with("<!DOCTYPE html>"));
  std::string rest = text;
  for (std::size_t at; (at = rest.find("http://www.w3.org/2000/svg")) != std::string::npos;)
    rest.erase(at, 26);  // a name, not an address
  EXPECT_EQ(std::string::npos, rest.find("https://"));
  EXPECT_FALSE(std::regex_search(rest, std::regex(R"((src|href)="(?!data:,|/))")));
  EXPECT_EQ(std::string::npos, text.find("innerHTML")) << "what the fleet says is no markup";
}

/// A supervisor that publishes what is wanted.
class Supervised {
 public:
  Supervised() : dashboard_("dashboard test"), client_(dashboard_.address()) {
    client_.set_connection_timeout(10);
    client_.set_read_timeout(30);
  }
  ~Supervised() { stop(); }
  void stop() {
    stopping_ = true;
    if (loop_.joinable())
      loop_.join();
  }
  httplib::Result get(const std::string& path, const std::string& host = "localhost") {
    return client_.Get(path.c_str(), {{"Host", host}});
  }
  httplib::Client& client() { return client_; }
  int published() const { return published_; }

 private:
  Dashboard dashboard_;
  httplib::Client client_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> published_ = 0;
  std::thread loop_{[this] {
    while (!stopping_) {
      if (dashboard_.wanted()) {
        ++published_;
        dashboard_.publish(example());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }};
};

TEST(FleetDashboard, AnswersWithWhatTheSupervisorHandsOver) {
  Supervised fleet;
  EXPECT_EQ(0, fleet.published()) << "nobody has asked yet";
  auto page_answer = fleet.get("/");
  ASSERT_TRUE(page_answer);
  EXPECT_EQ(200, page_answer->status);
  EXPECT_EQ(page(), page_answer->body);
  EXPECT_EQ("no-store", page_answer->get_header_value("Cache-Control"));
  EXPECT_EQ(0, fleet.published());
  EXPECT_EQ("orders", vmimage::support::json::parse(fleet.get("/status.json")->body).at("name"));
  EXPECT_EQ(1, fleet.published());
  EXPECT_EQ(history_json(example()), fleet.get("/history.json")->body);
  const auto metrics_answer = fleet.get("/metrics");
  EXPECT_EQ(metrics(example()), metrics_answer->body);
  EXPECT_TRUE(metrics_answer->get_header_value("Content-Type").starts_with("text/plain; version=0.0.4"));
  EXPECT_EQ(404, fleet.get("/nothing")->status);
  EXPECT_EQ(405, fleet.client().Post("/status.json")->status) << "it only shows";
}

TEST(FleetDashboard, RefusesOtherNamesThanLoopback) {
  Supervised fleet;
  for (const auto* path : {"/", "/status.json", "/history.json", "/metrics"}) {
    const auto answer = fleet.get(path, "rebound.example.com");
    ASSERT_TRUE(answer);
    EXPECT_EQ(403, answer->status) << path;
    EXPECT_EQ(std::string::npos, answer->body.find("orders")) << path;
  }
  EXPECT_EQ(0, fleet.published());
}

TEST(FleetDashboard, ABusySupervisorDoesNotKeepItFromAnswering) {
  Supervised fleet;
  EXPECT_EQ(200, fleet.get("/status.json")->status);
  fleet.stop();
  EXPECT_EQ("orders", vmimage::support::json::parse(fleet.get("/status.json")->body).at("name"));
}

TEST(FleetDashboard, TwoHaveAddressesOfTheirOwn) {
  const Dashboard one("same");
  const Dashboard two("same");
  EXPECT_TRUE(one.address().starts_with("http://127.0.0.1:"));
  EXPECT_TRUE(two.address().starts_with("http://127.0.0.1:"));
  EXPECT_NE(one.address(), two.address());
}

}  // namespace
}  // namespace vmfleet::dashboard
