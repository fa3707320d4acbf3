#include <gtest/gtest.h>

#include "fleet/history.hpp"

namespace vmfleet::fleet {
namespace {

using std::chrono::seconds;

Sample sample(const std::string& id, double cpu, std::uint64_t requests, double response_ms = 10) {
  return {.id = id,
          .healthy = true,
          .cpus = 2,
          .cpu_seconds = cpu,
          .memory = 100,
          .requests = requests,
          .errors = requests / 10,
          .connections = 3,
          .response_ms = response_ms};
}

class FleetHistory : public testing::Test {
 protected:
  void add(const std::vector<Sample>& samples, Milliseconds step = seconds(1)) {
    now += step;
    history.add(now, 1000 + now.count() / 1000, 3, samples);
  }
  History history;
  Milliseconds now{50'000};
};

TEST_F(FleetHistory, IsDueOnceASecond) {
  EXPECT_TRUE(history.due(now));
  add({});
  EXPECT_FALSE(history.due(now + Milliseconds(999)));
  EXPECT_TRUE(history.due(now + Milliseconds(1000)));
  EXPECT_TRUE(history.due(Milliseconds(5))) << "after a reboot";
}

TEST_F(FleetHistory, TheFirstSightOfAnInstanceAddsNothing) {
  add({sample("a-1", 100, 5000)});
  EXPECT_EQ(0, history.points().back().requests);
  EXPECT_EQ(0, history.points().back().cpu);
  EXPECT_EQ(0, history.rate("a-1").requests);
  EXPECT_EQ(0u, history.rate("a-1").requests_total);
  EXPECT_EQ(1, history.points().back().healthy);
  EXPECT_EQ(3, history.points().back().desired);
}

TEST_F(FleetHistory, RatesArePerSecondAndShareOfTheProcessors) {
  add({sample("a-1", 100, 5000), sample("a-2", 50, 100)});
  add({sample("a-1", 102, 5200, 10), sample("a-2", 51, 150, 40)}, seconds(2));
  const auto& point = history.points().back();
  EXPECT_DOUBLE_EQ(125, point.requests);
  EXPECT_DOUBLE_EQ(12.5, point.errors);
  EXPECT_DOUBLE_EQ((0.5 + 0.25) / 2, point.cpu);
  EXPECT_DOUBLE_EQ((200 * 10 + 50 * 40) / 250.0, point.response_ms) << "weighted by requests";
  EXPECT_EQ(6u, point.connections);
  EXPECT_EQ(200u, point.memory);
  EXPECT_EQ(1052 + 1, point.time);
  EXPECT_DOUBLE_EQ(100, history.rate("a-1").requests);
  EXPECT_DOUBLE_EQ(0.5, history.rate("a-1").cpu);
  EXPECT_DOUBLE_EQ(10, history.rate("a-1").response_ms);
  EXPECT_EQ(200u, history.rate("a-1").requests_total);
  EXPECT_EQ(20u, history.rate("a-1").errors_total);
}

TEST_F(FleetHistory, ACounterThatStartsAnewGoesOn) {
  add({sample("a-1", 1, 1000)});
  add({sample("a-1", 1, 1100)});
  add({sample("a-1", 1, 30)});  // its balancer was started again
  EXPECT_DOUBLE_EQ(30, history.points().back().requests);
  EXPECT_EQ(130u, history.rate("a-1").requests_total);
}

TEST_F(FleetHistory, ARateForgetsWhatIsSecondsAgo) {
  add({sample("a-1", 0, 0)});
  add({sample("a-1", 0, 1000)});
  EXPECT_DOUBLE_EQ(1000, history.rate("a-1").requests);
  for (std::size_t i = 0; i < History::kRateSeconds; ++i)
    add({sample("a-1", 0, 1000)});
  EXPECT_EQ(0, history.rate("a-1").requests);
  EXPECT_EQ(0, history.rate("a-1").response_ms) << "nothing was asked";
  EXPECT_EQ(1000u, history.rate("a-1").requests_total);
}

TEST_F(FleetHistory, AnInstanceThatIsGoneIsForgottenAndAnotherInItsSlotStartsAtNothing) {
  add({sample("a-1", 9, 1000)});
  add({sample("a-1", 9, 2000)});
  add({sample("a-2", 1, 2000)});
  EXPECT_EQ(0u, history.rate("a-1").requests_total);
  EXPECT_EQ(0, history.points().back().requests);
  add({sample("a-2", 1, 2010)});
  EXPECT_EQ(10u, history.rate("a-2").requests_total);
}

TEST_F(FleetHistory, OnlyHealthyOnesCountForTheMeans) {
  auto booting = sample("a-2", 0, 0);
  booting.healthy = false;
  add({sample("a-1", 0, 0), booting});
  booting.cpu_seconds = 2;
  add({sample("a-1", 1, 10), booting});
  EXPECT_DOUBLE_EQ(0.5, history.points().back().cpu);
  EXPECT_EQ(1, history.points().back().healthy);
  EXPECT_EQ(2, history.points().back().instances);
  EXPECT_DOUBLE_EQ(10, history.load(Milliseconds(500)).per_instance);
}

TEST_F(FleetHistory, TheLoadIsTheMeanOverAWindow) {
  EXPECT_EQ(0, history.load(seconds(60)).points);
  add({sample("a-1", 0, 0), sample("a-2", 0, 0)});
  for (int i = 1; i <= 10; ++i)
    add({sample("a-1", i, 100u * static_cast<unsigned>(i), 8), sample("a-2", i, 0)});
  const auto load = history.load(seconds(5));
  EXPECT_EQ(5, load.points);
  EXPECT_DOUBLE_EQ(0.5, load.cpu);
  EXPECT_DOUBLE_EQ(100, load.requests);
  EXPECT_DOUBLE_EQ(50, load.per_instance);
  EXPECT_DOUBLE_EQ(10, load.errors);
  EXPECT_DOUBLE_EQ(8, load.response_ms);
  EXPECT_EQ(11, history.load(std::chrono::hours(1)).points);
}

TEST_F(FleetHistory, KeepsABoundedNumberOfPoints) {
  for (std::size_t i = 0; i < History::kKept + 50; ++i)
    add({sample("a-1", 0, 0)});
  EXPECT_EQ(History::kKept, history.points().size());
  EXPECT_EQ(now, history.points().back().at);
}

}  // namespace
}  // namespace vmfleet::fleet
