// plan() alone, with instances that are numbers: examples, then what holds after whatever may happen.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "fleet/plan.hpp"

namespace vmfleet::fleet {

void PrintTo(const Action& action, std::ostream* out) {
  *out << static_cast<int>(action.kind) << " " << action.id;
}

namespace {

using std::chrono::seconds;
const Rules kRules;

Instance instance(const std::string& id, State state, const std::string& generation = "new") {
  return {.id = id, .generation = generation, .state = state, .since = seconds(100)};
}

std::vector<Action> planned(int count, std::vector<Instance> instances, Backoff backoff = {},
                            Milliseconds now = seconds(101)) {
  return plan({count, "new"}, {now, std::move(instances), backoff}, kRules);
}

using Actions = std::vector<Action>;
const Action kStart{ActionKind::Start, {}};

TEST(FleetPlan, NothingBecomesThree) {
  EXPECT_EQ((Actions{kStart, kStart, kStart}), planned(3, {}));
}

TEST(FleetPlan, ThreeOfThreeIsNoWork) {
  EXPECT_EQ(Actions{}, planned(3, {instance("1", State::Healthy), instance("2", State::Starting),
                                   instance("3", State::Unhealthy)}));
}

TEST(FleetPlan, TooManyLoseTheUnhealthyThenTheYoungest) {
  EXPECT_EQ((Actions{{ActionKind::Drain, "2"}, {ActionKind::Drain, "4"}}),
            planned(2, {instance("1", State::Healthy), instance("2", State::Unhealthy),
                        instance("3", State::Healthy), instance("4", State::Healthy)}));
}

TEST(FleetPlan, OneThatBootsIsKilledAndNotDrained) {
  EXPECT_EQ((Actions{{ActionKind::Kill, "1"}}), planned(0, {instance("1", State::Starting)}));
}

TEST(FleetPlan, DrainingWaitsForRequestsUpToALimit) {
  Instance one = instance("1", State::Draining);
  EXPECT_EQ((Actions{{ActionKind::PowerOff, "1"}}), planned(0, {one}));
  one.connections = 2;
  EXPECT_EQ(Actions{}, planned(0, {one}));
  EXPECT_EQ((Actions{{ActionKind::PowerOff, "1"}}), planned(0, {one}, {}, seconds(100) + kRules.drain_limit));
}

TEST(FleetPlan, StoppingIsKilledAfterALimitAndForgottenWhenGone) {
  Instance one = instance("1", State::Stopping);
  EXPECT_EQ(Actions{}, planned(0, {one}));
  EXPECT_EQ((Actions{{ActionKind::Kill, "1"}}), planned(0, {one}, {}, seconds(100) + kRules.stop_limit));
  one.alive = false;
  EXPECT_EQ((Actions{{ActionKind::Forget, "1"}}), planned(0, {one}));
}

TEST(FleetPlan, AFailedOneIsReplacedUnlessItIsHeldBack) {
  Instance one = instance("1", State::Failed);
  EXPECT_EQ((Actions{{ActionKind::Kill, "1"}, kStart}), planned(1, {one}));
  one.alive = false;
  EXPECT_EQ((Actions{{ActionKind::Forget, "1"}, kStart}), planned(1, {one}));
  EXPECT_EQ(Actions{}, planned(1, {one}, {2, seconds(100)})) << "it stays in sight meanwhile";
  EXPECT_EQ((Actions{{ActionKind::Forget, "1"}, kStart}), planned(1, {one}, {2, seconds(99)}));
  EXPECT_EQ((Actions{{ActionKind::Forget, "1"}}), planned(0, {one}, {2, seconds(100)}));
}

TEST(FleetPlan, OutdatedOnesAreReplacedOneByOne) {
  const auto old = [](const std::string& id) { return instance(id, State::Healthy, "old"); };
  EXPECT_EQ((Actions{kStart}), planned(3, {old("1"), old("2"), old("3")}));
  EXPECT_EQ(Actions{}, planned(3, {old("1"), old("2"), old("3"), instance("4", State::Starting)}));
  EXPECT_EQ((Actions{{ActionKind::Drain, "3"}}),
            planned(3, {old("1"), old("2"), old("3"), instance("4", State::Healthy)}));
}

TEST(FleetPlan, AnOutdatedOneThatDoesNotAnswerGoesAtOnce) {
  EXPECT_EQ((Actions{{ActionKind::Drain, "1"}, kStart}),
            planned(1, {instance("1", State::Unhealthy, "old")}));
}

TEST(FleetBackoff, QuickFailuresHoldUpLonger) {
  Backoff backoff;
  std::vector<std::int64_t> delays;
  for (int i = 0; i < 9; ++i) {
    backoff = after_failure(backoff, std::nullopt, seconds(50), kRules);
    delays.push_back(std::chrono::duration_cast<seconds>(held_until(backoff, kRules) - seconds(50)).count());
  }
  EXPECT_EQ((std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 60, 60, 60}), delays);
  EXPECT_EQ(0, after_failure(backoff, seconds(50) - kRules.stable, seconds(50), kRules).failures);
  EXPECT_EQ(10, after_failure(backoff, seconds(45), seconds(50), kRules).failures);
}

TEST(FleetInstance, StatesFollowWhatIsSeen) {
  const auto next = [](State state, Sighting sighting, Milliseconds now = seconds(1)) {
    return next_state(state, seconds(0), sighting, now, kRules);
  };
  const Sighting good{.healthy = true};
  const Sighting bad{.healthy = false, .failed_checks = 1};
  const Sighting worse{.healthy = false, .failed_checks = 3};
  const Sighting gone{.alive = false, .healthy = {}};
  EXPECT_EQ(State::Starting, next(State::Starting, {.healthy = {}}));
  EXPECT_EQ(State::Starting, next(State::Starting, worse));
  EXPECT_EQ(State::Healthy, next(State::Starting, good));
  EXPECT_EQ(State::Failed, next(State::Starting, bad, kRules.start_limit));
  EXPECT_EQ(State::Failed, next(State::Starting, gone));
  EXPECT_EQ(State::Healthy, next(State::Healthy, bad));
  EXPECT_EQ(State::Unhealthy, next(State::Healthy, worse));
  EXPECT_EQ(State::Failed, next(State::Healthy, gone));
  EXPECT_EQ(State::Healthy, next(State::Unhealthy, good));
  EXPECT_EQ(State::Failed, next(State::Unhealthy, worse, kRules.unhealthy_limit));
  for (const State ending : {State::Draining, State::Stopping, State::Failed})
    EXPECT_EQ(ending, next(ending, gone));
}

/// A fleet of pretended machines that follows the plan, and to which things happen.
class World {
 public:
  explicit World(unsigned seed) : random_(seed) {}

  void step(const Desired& desired, bool trouble) {
    now_ += seconds(1);
    for (auto& one : instances_)
      live(one, trouble);
    const int limit = std::max<int>(desired.count, static_cast<int>(serving())) + kRules.surge;
    const int healthy_before = healthy();
    for (const auto& action : plan(desired, {now_, instances_, backoff_}, kRules))
      act(desired, action);
    EXPECT_LE(static_cast<int>(serving()), limit);
    if (!trouble) {
      EXPECT_GE(healthy(), std::min(healthy_before, desired.count)) << "capacity was given away";
    }
  }

  bool settled_on(const Desired& desired) const { return settled(desired, instances_); }
  int healthy() const {
    return static_cast<int>(std::count_if(instances_.begin(), instances_.end(),
                                          [](const auto& one) { return one.state == State::Healthy; }));
  }

 private:
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  std::size_t serving() const {
    return static_cast<std::size_t>(std::count_if(instances_.begin(), instances_.end(), [](const auto& one) {
      return one.state == State::Starting || one.state == State::Healthy || one.state == State::Unhealthy;
    }));
  }

  void live(Instance& one, bool trouble) {
    if (trouble && chance(0.05))
      one.alive = false;
    if (one.state == State::Stopping && chance(0.5))
      one.alive = false;
    one.connections = chance(0.5) ? 1 : 0;
    const bool good = !(trouble && chance(0.2)) && now_ - born_[one.id] > seconds(2);
    const Sighting sighting{one.alive, good, good || one.state == State::Starting ? 0 : 3};
    const State next = next_state(one.state, one.since, sighting, now_, kRules);
    if (next == one.state)
      return;
    if (next == State::Failed)
      backoff_ = after_failure(backoff_, std::nullopt, now_, kRules);
    one.state = next;
    one.since = now_;
  }

  void act(const Desired& desired, const Action& action) {
    if (action.kind == ActionKind::Start) {
      EXPECT_GE(now_, held_until(backoff_, kRules));
      born_[std::to_string(++last_)] = now_;
      instances_.push_back({std::to_string(last_), desired.generation, State::Starting, now_});
      return;
    }
    const auto one = std::find_if(instances_.begin(), instances_.end(),
                                  [&](const auto& candidate) { return candidate.id == action.id; });
    ASSERT_NE(instances_.end(), one) << "an action for an instance that is not there: " << action.id;
    if (action.kind == ActionKind::Forget) {
      EXPECT_FALSE(one->alive) << "forgotten alive";
      instances_.erase(one);
      return;
    }
    if (action.kind == ActionKind::Kill)
      one->alive = false;
    if (one->state == State::Failed)
      return;
    one->state = action.kind == ActionKind::Drain ? State::Draining : State::Stopping;
    one->since = now_;
  }

  std::mt19937 random_;
  Milliseconds now_{0};
  std::vector<Instance> instances_;
  std::map<std::string, Milliseconds> born_;
  Backoff backoff_;
  int last_ = 0;
};

TEST(FleetPlan, WhateverHappensItSettlesInTheEnd) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    World world(seed);
    std::mt19937 random(seed);
    Desired desired{3, "0"};
    for (int i = 0; i < 120; ++i) {
      if (random() % 20 == 0)
        desired.count = static_cast<int>(random() % 8);
      if (random() % 30 == 0)
        desired.generation = std::to_string(random() % 3);
      world.step(desired, true);
    }
    for (int i = 0; i < 400 && !world.settled_on(desired); ++i)
      world.step(desired, false);
    ASSERT_TRUE(world.settled_on(desired)) << "seed " << seed;
  }
}

TEST(FleetPlan, ARolloutKeepsTheCount) {
  for (int count = 1; count <= 6; ++count) {
    World world(7);
    while (!world.settled_on({count, "old"}))
      world.step({count, "old"}, false);
    int steps = 0;
    for (; !world.settled_on({count, "new"}) && steps < 500; ++steps) {
      world.step({count, "new"}, false);
      ASSERT_GE(world.healthy(), count);
    }
    EXPECT_LT(steps, 500);
  }
}

}  // namespace
}  // namespace vmfleet::fleet
