// plan() alone, with instances that are numbers: examples, then what holds after whatever may happen.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "fleet/plan.hpp"
#include "support/error.hpp"

namespace vmfleet::fleet {

void PrintTo(const Action& action, std::ostream* out) {
  *out << static_cast<int>(action.kind) << " " << action.id;
  if (action.volumes)
    *out << " with volumes " << action.volumes;
}

namespace {

using std::chrono::seconds;
const Rules kRules;

Instance instance(const std::string& id, State state, const std::string& generation = "new") {
  return {.id = id, .generation = generation, .state = state, .since = seconds(100)};
}

std::vector<Action> planned(int count, std::vector<Instance> instances, Backoff backoff = {},
                            Milliseconds now = seconds(101)) {
  return plan({.count = count, .generation = "new"}, {now, std::move(instances), backoff}, kRules);
}

using Actions = std::vector<Action>;
const Action kStart{ActionKind::Start, "new"};

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

TEST(FleetPlan, OneThatIsSetAsideIsReplacedAndKeptUntilTheFleetIsOver) {
  const std::vector<Instance> two{instance("1", State::Debug), instance("2", State::Healthy)};
  EXPECT_EQ(Actions{kStart}, planned(2, two));
  EXPECT_EQ(Actions{}, planned(1, two));
  EXPECT_TRUE(settled({.count = 1, .generation = "new"}, two));
  EXPECT_EQ((Actions{{ActionKind::Drain, "2"}}), planned(0, two)) << "none wanted is no end of the fleet";
  EXPECT_EQ((Actions{{ActionKind::PowerOff, "1"}, {ActionKind::Drain, "2"}}),
            plan({.over = true}, {seconds(101), two, {}}, kRules));
  EXPECT_EQ(Actions{}, planned(0, {instance("1", State::Debug, "old")}));
  Instance dead = instance("1", State::Debug);
  dead.alive = false;
  EXPECT_EQ((Actions{{ActionKind::Forget, "1"}}), planned(0, {dead}));
}

TEST(FleetPlan, OutdatedOnesAreReplacedOneByOne) {
  const auto old = [](const std::string& id) { return instance(id, State::Healthy, "old"); };
  EXPECT_EQ((Actions{kStart}), planned(3, {old("1"), old("2"), old("3")}));
  EXPECT_EQ(Actions{}, planned(3, {old("1"), old("2"), old("3"), instance("4", State::Starting)}));
  EXPECT_EQ((Actions{{ActionKind::Drain, "3"}, kStart}),
            planned(3, {old("1"), old("2"), old("3"), instance("4", State::Healthy)}));
}

TEST(FleetPlan, AnOutdatedOneThatDoesNotAnswerGoesAtOnce) {
  EXPECT_EQ((Actions{{ActionKind::Drain, "1"}, kStart}),
            planned(1, {instance("1", State::Unhealthy, "old")}));
}

Instance with_volumes(const std::string& id, State state, int volumes,
                      const std::string& generation = "new") {
  Instance one = instance(id, state, generation);
  one.volumes = volumes;
  return one;
}

Actions planned_with_volumes(int count, std::vector<Instance> instances) {
  return plan({.count = count, .generation = "new", .with_volumes = {"new", "old"}},
              {seconds(101), std::move(instances), {}}, kRules);
}

TEST(FleetPlanVolumes, EachOneHasASetOfItsOwn) {
  EXPECT_EQ((Actions{{ActionKind::Start, "new", 1}, {ActionKind::Start, "new", 2}}),
            planned_with_volumes(2, {}));
  EXPECT_EQ(
      (Actions{{ActionKind::Start, "new", 2}}),
      planned_with_volumes(3, {with_volumes("4", State::Healthy, 1), with_volumes("5", State::Healthy, 3)}));
}

TEST(FleetPlanVolumes, ASetIsHeldUntilItsInstanceIsGone) {
  for (const State state : {State::Draining, State::Stopping, State::Failed, State::Debug}) {
    auto holder = with_volumes("1", state, 1);
    holder.connections = 1;
    for (const auto& action : planned_with_volumes(1, {holder}))
      EXPECT_NE(ActionKind::Start, action.kind) << to_string(state);
  }
  auto gone = with_volumes("1", State::Failed, 1);
  gone.alive = false;
  EXPECT_EQ((Actions{{ActionKind::Forget, "1"}}), planned_with_volumes(1, {gone}));
}

TEST(FleetPlanVolumes, TheOldOneEndsBeforeTheNewOneStarts) {
  auto old = with_volumes("1", State::Healthy, 1, "old");
  EXPECT_EQ((Actions{{ActionKind::Drain, "1"}}), planned_with_volumes(1, {old}));
  old.state = State::Stopping;
  EXPECT_EQ(Actions{}, planned_with_volumes(1, {old}));
  EXPECT_EQ((Actions{{ActionKind::Start, "new", 1}}), planned_with_volumes(1, {}));
}

TEST(FleetPlanVolumes, OfTooManyThoseOfTheHighestSetsEnd) {
  EXPECT_EQ((Actions{{ActionKind::Drain, "1"}, {ActionKind::Drain, "3"}}),
            planned_with_volumes(
                2, {with_volumes("1", State::Healthy, 4), with_volumes("2", State::Healthy, 1),
                    with_volumes("3", State::Healthy, 3), with_volumes("4", State::Unhealthy, 2)}));
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
  const Sighting good{.healthy = true, .passed_checks = 1};
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
  EXPECT_EQ(State::Failed, next(State::Healthy, {.healthy = false, .failed_checks = 1, .lost = true}));
  EXPECT_EQ(State::Healthy, next(State::Unhealthy, good));
  EXPECT_EQ(State::Failed, next(State::Unhealthy, worse, kRules.unhealthy_limit));
  for (const State ending : {State::Draining, State::Stopping, State::Failed, State::Debug})
    EXPECT_EQ(ending, next(ending, gone));
}

/// A fleet of pretended machines that follows the plan, is changed, and to which things happen.
class World {
 public:
  explicit World(unsigned seed) : random_(seed) {}

  Desired desired{.count = 3, .generation = "0"};
  std::set<std::string> bad;  ///< generations whose instances never become healthy
  int rolled_back = 0;
  int set_aside = 0;

  bool empty() const { return instances_.empty(); }

  void deploy(const std::string& generation, const RolloutRules& rules) {
    if (generation == desired.generation)
      return;
    change(generation, rules, false);
  }

  void step(bool trouble) {
    now_ += seconds(1);
    for (auto& one : instances_)
      live(one, trouble);
    const auto stepped = advance(desired.rollout, progress_of(desired, instances_), now_);
    const int taking_before = staying(&World::taking);
    desired.rollout = stepped.rollout;
    if (!stepped.failure.empty()) {
      ++rolled_back;
      change(desired.previous, desired.rollout.rules, true);
    }
    const Limits allowed = allowed_now();
    const int most = std::max({allowed.most, desired.count, serving()});
    const int healthy_before = staying(&World::healthy);
    for (const auto& action : plan(desired, {now_, instances_, backoff_}, kRules))
      act(action);
    EXPECT_LE(serving(), most);
    EXPECT_GE(staying(&World::healthy), std::min({healthy_before, allowed.least_healthy, desired.count}))
        << "capacity was given away";
    EXPECT_GE(staying(&World::taking), std::min({taking_before, allowed.least_healthy, desired.count}))
        << "requests had nowhere to go in phase " << to_string(desired.rollout.phase);
  }

  /// Who had set instances aside has looked at them.
  void end_debug() {
    for (auto& one : instances_)
      if (one.state == State::Debug)
        one.state = State::Stopping, one.since = now_;
  }

  bool settled_now() const { return settled(desired, instances_); }
  bool done() const { return settled_now() && desired.rollout.phase == Phase::Done; }
  int healthy() const {
    return count([](const auto& one) { return one.state == State::Healthy; });
  }
  int taking() const {
    return count([&](const auto& one) { return takes_requests(one, desired); });
  }
  int serving() const {
    return count([](const auto& one) { return serves(one); });
  }
  /// Those whose volumes are above the count are to go, whatever else there is.
  int staying(int (World::*some)() const) {
    auto all = instances_;
    std::erase_if(instances_, [&](const auto& one) { return one.volumes > desired.count; });
    const int number = (this->*some)();
    instances_ = std::move(all);
    return number;
  }
  int of(const std::string& generation) const {
    return count([&](const auto& one) { return one.generation == generation && serves(one); });
  }

 private:
  Limits allowed_now() const {
    Rollout rollout = desired.rollout;
    if (desired.with_volumes.contains(desired.generation))
      rollout.rules.surge = {0, false};
    return limits(rollout, desired.count);
  }
  template <typename Predicate>
  int count(Predicate predicate) const {
    return static_cast<int>(std::count_if(instances_.begin(), instances_.end(), predicate));
  }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }

  void change(std::string generation, const RolloutRules& rules, bool back) {
    const bool takes = count([&](const auto& one) {
                         return one.generation == generation && takes_requests(one, desired);
                       }) > 0;
    desired.previous = std::exchange(desired.generation, std::move(generation));
    desired.rollout = begin(desired.rollout.number + 1, rules, back, takes, now_);
    backoff_ = {};
  }

  void live(Instance& one, bool trouble) {
    if (trouble && chance(0.05))
      one.alive = false;
    if (trouble && serves(one) && chance(0.01))
      one.state = State::Debug, ++set_aside;
    if (one.state == State::Stopping && chance(0.5))
      one.alive = false;
    one.connections = chance(0.5) ? 1 : 0;
    const auto boot = seconds(2 + std::hash<std::string>{}(one.id) % 3);
    const bool good =
        !bad.contains(one.generation) && !(trouble && chance(0.2)) && now_ - born_[one.id] > boot;
    if (bad.contains(one.generation) && one.state == State::Starting && now_ - born_[one.id] > boot)
      one.alive = false;
    const Sighting sighting{one.alive, good, good || one.state == State::Starting ? 0 : 3, good ? 1 : 0};
    const State next = next_state(one.state, one.since, sighting, now_, kRules);
    if (next == one.state)
      return;
    if (next == State::Failed) {
      backoff_ = after_failure(backoff_, std::nullopt, now_, kRules);
      desired.rollout.failures += one.generation == desired.generation ? 1 : 0;
    }
    one.state = next;
    one.since = now_;
  }

  void act(const Action& action) {
    if (action.kind == ActionKind::Start) {
      EXPECT_GE(now_, held_until(backoff_, kRules));
      EXPECT_TRUE(action.id == desired.generation || action.id == desired.previous);
      born_[std::to_string(++last_)] = now_;
      start(action);
      return;
    }
    const auto one = std::find_if(instances_.begin(), instances_.end(),
                                  [&](const auto& candidate) { return candidate.id == action.id; });
    ASSERT_NE(instances_.end(), one) << "an action for an instance that is not there: " << action.id;
    EXPECT_TRUE(one->state != State::Debug || (action.kind == ActionKind::Forget && !one->alive) ||
                (action.kind == ActionKind::PowerOff && desired.over))
        << "what was set aside is kept";
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

  void start(const Action& action) {
    Instance one{std::to_string(last_), action.id, State::Starting, now_};
    one.volumes = action.volumes;
    EXPECT_EQ(desired.with_volumes.contains(action.id), one.volumes > 0);
    EXPECT_LE(one.volumes, desired.count);
    for (const auto& other : instances_)
      EXPECT_TRUE(one.volumes == 0 || other.volumes != one.volumes)
          << other.id << " has the volumes " << one.volumes << " and is " << to_string(other.state);
    instances_.push_back(one);
  }

  std::mt19937 random_;
  Milliseconds now_{0};
  std::vector<Instance> instances_;
  std::map<std::string, Milliseconds> born_;
  Backoff backoff_;
  int last_ = 0;
};

RolloutRules any_rules(std::mt19937& random) {
  RolloutRules rules{.strategy = static_cast<Strategy>(random() % 4),
                     .batch = {1 + static_cast<int>(random() % 3), false},
                     .surge = {static_cast<int>(random() % 3), false},
                     .min_healthy = {static_cast<int>(random() % 101), true},
                     .canary = {1 + static_cast<int>(random() % 2), false}};
  rules.bake = seconds(random() % 10);
  rules.keep_old = seconds(random() % 10);
  return rules;
}

/// The generations whose instances hold volumes.
std::set<std::string> any_volumes(std::mt19937& random) {
  switch (random() % 3) {
    case 0:
      return {"0", "1", "2", "3"};
    case 1:
      return {"1", "3"};
    default:
      return {};
  }
}

TEST(FleetPlan, WhateverHappensItSettlesInTheEnd) {
  int set_aside = 0;
  for (unsigned seed = 0; seed < 6000; ++seed) {
    World world(seed);
    std::mt19937 random(seed);
    world.desired.with_volumes = any_volumes(random);
    const auto deploy = [&](const std::string& generation) {
      RolloutRules rules = any_rules(random);
      if (world.desired.with_volumes.contains(generation) && rules.strategy != Strategy::AllAtOnce)
        rules.strategy = Strategy::Rolling;  // others are refused
      world.deploy(generation, rules);
    };
    for (int i = 0; i < 120; ++i) {
      if (random() % 20 == 0)
        world.desired.count = static_cast<int>(random() % 8);
      if (random() % 30 == 0)
        world.bad = {std::to_string(random() % 6)};
      if (random() % 30 == 0)
        deploy(std::to_string(random() % 4));
      world.step(true);
    }
    world.bad.clear();
    if (!world.desired.with_volumes.empty())
      world.end_debug();  // it holds what others wait for
    for (int i = 0; i < 600 && !world.done(); ++i)
      world.step(false);
    ASSERT_TRUE(world.done()) << "seed " << seed;
    ASSERT_EQ(world.desired.count, world.taking()) << "seed " << seed;
    set_aside += world.set_aside;
    world.desired = {.over = true};
    for (int i = 0; i < 100 && !world.empty(); ++i)
      world.step(false);
    ASSERT_TRUE(world.empty()) << "seed " << seed;
    if (HasFailure())
      FAIL() << "seed " << seed;
  }
  EXPECT_GT(set_aside, 1000);
}

World running(int count) {
  World world(7);
  world.desired.count = count;
  while (!world.done())
    world.step(false);
  return world;
}

class FleetRolloutBy : public testing::TestWithParam<Strategy> {};

TEST_P(FleetRolloutBy, KeepsTheCountToTheEnd) {
  const bool keeps = GetParam() != Strategy::AllAtOnce;
  for (int count = 1; count <= 6; ++count) {
    World world = running(count);
    world.deploy("new", {.strategy = GetParam(), .bake = seconds(5), .keep_old = seconds(5)});
    int steps = 0;
    for (; !world.done() && steps < 500; ++steps) {
      world.step(false);
      ASSERT_GE(world.taking(), keeps ? count : 0);
    }
    EXPECT_LT(steps, 500);
    EXPECT_EQ(count, world.of("new"));
    EXPECT_EQ(0, world.rolled_back);
  }
}

TEST_P(FleetRolloutBy, GoesBackFromWhatDoesNotComeUp) {
  for (int count = 1; count <= 6; ++count) {
    World world = running(count);
    world.bad = {"new"};
    world.deploy("new", {.strategy = GetParam()});
    for (int steps = 0; !(world.rolled_back && world.done()) && steps < 500; ++steps) {
      world.step(false);
      if (GetParam() != Strategy::AllAtOnce) {
        ASSERT_GE(world.taking(), count);
      }
    }
    EXPECT_EQ(1, world.rolled_back);
    EXPECT_EQ(count, world.of("0"));
    EXPECT_EQ(0, world.of("new"));
  }
}

INSTANTIATE_TEST_SUITE_P(Strategies, FleetRolloutBy,
                         testing::Values(Strategy::Rolling, Strategy::BlueGreen, Strategy::Canary,
                                         Strategy::AllAtOnce),
                         [](const auto& one) {
                           std::string name = to_string(one.param);
                           std::erase(name, '-');
                           return name;
                         });

TEST(FleetRollout, ACanaryIsAloneUntilItHasBaked) {
  World world = running(4);
  world.deploy("new", {.strategy = Strategy::Canary, .canary = {50, true}, .bake = seconds(20)});
  for (int i = 0; i < 20; ++i) {
    world.step(false);
    EXPECT_LE(world.of("new"), 2);
    EXPECT_EQ(4, world.of("0"));
  }
  EXPECT_EQ(Phase::Baking, world.desired.rollout.phase);
  EXPECT_EQ(6, world.taking());
}

TEST(FleetRollout, ACanaryWithTooManyErrorsGoesBack) {
  Rollout rollout = begin(1, {.strategy = Strategy::Canary, .max_errors = 2}, false, false, seconds(0));
  rollout = advance(rollout, {.count = 2, .healthy = 1, .outdated = 2}, seconds(1)).rollout;
  ASSERT_EQ(Phase::Baking, rollout.phase);
  const Progress few{.count = 2, .healthy = 1, .outdated = 2, .requests = 100, .errors = 2};
  EXPECT_EQ("", advance(rollout, few, seconds(2)).failure);
  const Progress many{.count = 2, .healthy = 1, .outdated = 2, .requests = 100, .errors = 3};
  EXPECT_EQ("3 of 100 answers of the canary were errors, more than 2 %",
            advance(rollout, many, seconds(2)).failure);
}

TEST(FleetRollout, BlueGreenSwitchesAtOnceAndKeepsTheOldOnesForAWhile) {
  World world = running(3);
  world.deploy("new", {.strategy = Strategy::BlueGreen, .keep_old = seconds(30)});
  for (int i = 0; i < 20 && world.desired.rollout.phase != Phase::Kept; ++i) {
    EXPECT_EQ(3, world.taking());
    world.step(false);
  }
  EXPECT_EQ(Phase::Kept, world.desired.rollout.phase);
  EXPECT_EQ(3, world.of("0"));
  EXPECT_EQ(3, world.of("new"));
  EXPECT_EQ(3, world.taking());
  EXPECT_TRUE(world.settled_now()) << "kept ones are no work to be done";
}

TEST(FleetRollout, OneThatStallsGoesBackAfterItsLimit) {
  const Rollout rollout = begin(1, {.limit = seconds(60)}, false, false, seconds(0));
  const Progress none{.count = 2, .healthy = 0, .outdated = 2};
  EXPECT_EQ("", advance(rollout, none, seconds(59)).failure);
  EXPECT_NE("", advance(rollout, none, seconds(60)).failure);
  Rollout back = rollout;
  back.back = true;
  EXPECT_EQ("", advance(back, none, seconds(60)).failure) << "there is nothing further back";
}

TEST(FleetRollout, SharesAreOfTheCountAndRoundedUp) {
  EXPECT_EQ(2, parse_share("25%").of(5));
  EXPECT_EQ(3, parse_share("3").of(5));
  for (const auto* bad : {"", "%", "-1", "101%", "1.5", "many"})
    EXPECT_THROW(parse_share(bad), vmimage::support::Error) << bad;
}

TEST(FleetRollout, WithNoRoomAboveOneGoesFirst) {
  World world = running(2);
  world.deploy("new", {.surge = {0, false}});
  int least = 2;
  for (int i = 0; i < 100 && !world.done(); ++i) {
    world.step(false);
    least = std::min(least, world.taking());
    EXPECT_LE(world.serving(), 2);
  }
  EXPECT_EQ(1, least);
  EXPECT_EQ(2, world.of("new"));
}

}  // namespace
}  // namespace vmfleet::fleet
