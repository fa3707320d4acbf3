// How many instances a load asks for.

#include <gtest/gtest.h>

#include "fleet/autoscale.hpp"
#include "fleet/rules.hpp"
#include "support/error.hpp"

namespace vmfleet::fleet {
namespace {

using std::chrono::seconds;
using vmimage::support::json;

Load load(double cpu, double requests = 0, double response_ms = 0) {
  return {.points = 10, .cpu = cpu, .requests = requests, .response_ms = response_ms};
}

int scaled(const Autoscale& autoscale, int count, const Load& load, int healthy = -1,
           Milliseconds now = seconds(1000)) {
  return scale(autoscale, 0, count, healthy < 0 ? count : healthy, load, seconds(0), now).count;
}

const Autoscale kCpu{.least = 1, .most = 10, .targets = {{Metric::Cpu, 50}}, .schedule = {}};
const Autoscale kRequests{.least = 2, .most = 10, .targets = {{Metric::Requests, 100}}, .schedule = {}};

TEST(FleetAutoscale, FollowsItsTarget) {
  EXPECT_EQ(4, scaled(kCpu, 2, load(0.9)));
  EXPECT_EQ(1, scaled(kCpu, 4, load(0.1)));
  EXPECT_EQ(7, scaled(kRequests, 3, load(0, 650)));
  EXPECT_EQ(6, scaled({.least = 1, .most = 10, .targets = {{Metric::Response, 20}}, .schedule = {}}, 3,
                      load(0, 9, 40)));
}

TEST(FleetAutoscale, StaysWithinItsBounds) {
  EXPECT_EQ(10, scaled(kCpu, 8, load(1.0)));
  EXPECT_EQ(2, scaled(kRequests, 3, load(0, 0)));
  EXPECT_EQ(10, scaled(kCpu, 20, load(0.5))) << "whatever the load is";
  EXPECT_EQ(2, scaled(kRequests, 0, {}));
}

TEST(FleetAutoscale, RipplesAreNoReason) {
  EXPECT_EQ(10,
            scaled({.least = 1, .most = 20, .targets = {{Metric::Cpu, 50}}, .schedule = {}}, 10, load(0.54)));
}

TEST(FleetAutoscale, WhatIsUnknownOrOnItsWayChangesNothing) {
  EXPECT_EQ(2, scaled(kCpu, 2, {}));
  EXPECT_EQ(3, scaled(kCpu, 3, load(1.0), 2));
}

TEST(FleetAutoscale, TheTargetThatAsksForMostCounts) {
  const Autoscale both{
      .least = 1, .most = 10, .targets = {{Metric::Cpu, 50}, {Metric::Requests, 100}}, .schedule = {}};
  EXPECT_EQ(5, scaled(both, 2, load(0.1, 500)));
  EXPECT_EQ(4, scaled(both, 2, load(1.0, 10)));
}

TEST(FleetAutoscale, GrowsAtOnceAndShrinksAfterItsCooldown) {
  EXPECT_EQ(4, scaled(kCpu, 2, load(1.0), 2, seconds(20)));
  EXPECT_EQ(4, scaled(kCpu, 4, load(0.1), 4, seconds(299)));
  EXPECT_EQ(1, scaled(kCpu, 4, load(0.1), 4, seconds(300)));
}

TEST(FleetAutoscale, SaysWhy) {
  EXPECT_EQ("cpu is 90, its target is 50", scale(kCpu, 0, 2, 2, load(0.9), seconds(0), seconds(1)).reason);
  EXPECT_EQ("", scale(kCpu, 0, 2, 2, load(0.5), seconds(0), seconds(1)).reason);
}

TEST(FleetAutoscale, ItsScheduleMovesTheBounds) {
  const json document = json::parse(R"({"min": 1, "max": 2, "schedule": [
      {"at": "08:00", "days": ["mon", "tue"], "min": 4, "max": 8}, {"at": "18:30", "min": 1, "max": 3}]})");
  const auto autoscale = read_autoscale(vmimage::support::Fields(document, "test"));
  const auto at = [](int day, int hour, int minute) { return (day * 24 + hour) * 60 + minute; };
  EXPECT_EQ((Bounds{1, 3}), bounds(autoscale, at(1, 7, 59))) << "since Sunday evening";
  EXPECT_EQ((Bounds{4, 8}), bounds(autoscale, at(1, 8, 0)));
  EXPECT_EQ((Bounds{4, 8}), bounds(autoscale, at(2, 18, 29)));
  EXPECT_EQ((Bounds{1, 3}), bounds(autoscale, at(3, 12, 0)));
  EXPECT_EQ((Bounds{1, 3}), bounds(autoscale, at(0, 0, 0))) << "since Saturday evening";
  EXPECT_EQ((Bounds{1, 1}), bounds({.least = 1, .most = 1, .targets = {}, .schedule = {}}, 0));
  EXPECT_EQ(autoscale, read_autoscale(vmimage::support::Fields(to_json(autoscale), "again")));
}

}  // namespace
}  // namespace vmfleet::fleet
