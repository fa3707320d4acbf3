// What every driver owes (docs/drivers.md). One fleet lives through all of it; each test begins with the
// fleet told to be two instances of the first image.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "ground.hpp"
#include "support/error.hpp"

namespace vmfleet::conformance {
namespace {

using fleet::Status;
using std::chrono::steady_clock;
using vmimage::support::Error;
using vmimage::support::ErrorKind;
using Ids = std::set<std::string>;

constexpr auto kLimit =
    std::chrono::minutes(10);  // for what takes seconds on an idle machine, or a cloud a minute
const std::string kName = "conformance";

struct Candidate {
  std::string name;
  std::unique_ptr<Ground> (*make)();
};
void PrintTo(const Candidate& candidate, std::ostream* stream) {
  *stream << candidate.name;
}

Ids ids(const Status& status) {
  Ids all;
  for (const auto& one : status.instances)
    all.insert(one.id);
  return all;
}

class Driver : public testing::TestWithParam<Candidate> {
 protected:
  static void TearDownTestSuite() {
    ground_.reset();
    owner_.clear();
  }

  void SetUp() override {
    if (owner_ != GetParam().name) {
      ground_.reset();
      ground_ = GetParam().make();
      owner_ = GetParam().name;
    }
    if (!ground_)
      GTEST_SKIP() << "what it needs is not here";
    fleet = ground().driver().fleet(kName);
    if (fleet->exists() && fleet->status().mode == "stopped")
      fleet->start();
    fleet->apply(ground().wanted(kName, Image::One));
    first = settle();
    ASSERT_EQ(2, first.healthy());
  }

  static Ground& ground() { return *ground_; }

  /// Looks until the fleet is what it shall be; `each` sees all that is seen.
  template <typename Each>
  Status settle(const Each& each) {
    for (const auto until = steady_clock::now() + kLimit;; ground().wait()) {
      const auto status = fleet->status();
      each(status);
      if (status.settled)
        return status;
      if (steady_clock::now() > until)
        throw vmimage::support::failure("it did not settle: " + fleet::to_json(status).dump());
    }
  }
  Status settle() {
    return settle([](const Status&) {});
  }

  /// The same of a change that must not cost a request.
  Status settle_and_serve() {
    return settle([](const Status& status) { EXPECT_TRUE(ground().answers(status)); });
  }

  std::unique_ptr<driver::Fleet> fleet;
  Status first;

 private:
  static inline std::unique_ptr<Ground> ground_;
  static inline std::string owner_;
};

TEST_P(Driver, BringsUpAFleetThatAnswers) {
  EXPECT_TRUE(fleet->exists());
  EXPECT_EQ(std::vector{kName}, ground().driver().fleets());
  EXPECT_EQ("running", first.mode);
  EXPECT_EQ(2, first.desired);
  EXPECT_EQ(2u, first.instances.size());
  EXPECT_NE("", first.endpoint);
  EXPECT_TRUE(ground().answers(first));
  const auto spec = fleet->spec();
  ASSERT_TRUE(spec);
  EXPECT_EQ(ground().wanted(kName, Image::One).spec, *spec);
}

TEST_P(Driver, ChangesNothingWhenItIsSoAlready) {
  const auto change = fleet->apply(ground().wanted(kName, Image::One));
  EXPECT_FALSE(change.changed);
  EXPECT_EQ(first.rollout.number, change.rollout);
  EXPECT_EQ(ids(first), ids(settle()));
}

TEST_P(Driver, Scales) {
  fleet->scale(3);
  const auto more = settle_and_serve();
  EXPECT_EQ(3, more.healthy());
  EXPECT_TRUE(std::ranges::includes(ids(more), ids(first)));
  fleet->scale(2);
  const auto fewer = settle_and_serve();
  EXPECT_EQ(2, fewer.desired);
  EXPECT_EQ(2u, fewer.instances.size());
  EXPECT_EQ(2, fleet->spec()->count);
}

TEST_P(Driver, ReplacesAnInstanceThatIsGone) {
  const auto gone = first.instances[0];
  ground().destroy(kName, gone);
  const auto until = steady_clock::now() + kLimit;
  while (ids(fleet->status()).contains(gone.id) && steady_clock::now() < until)
    ground().wait();
  const auto after = settle();
  EXPECT_EQ(2, after.healthy());
  EXPECT_FALSE(ids(after).contains(gone.id));
  EXPECT_TRUE(ids(after).contains(first.instances[1].id)) << "the other one stays";
}

TEST_P(Driver, RollsToAnotherImageAndBack) {
  const auto wanted = ground().wanted(kName, Image::Two);
  const auto change = fleet->apply(wanted);
  EXPECT_TRUE(change.changed);
  EXPECT_EQ(first.rollout.number + 1, change.rollout);
  const auto second = settle([](const Status& status) {
    EXPECT_GE(status.healthy(), 2) << "rolling, with all healthy by default";
    EXPECT_TRUE(ground().answers(status));
  });
  EXPECT_EQ(wanted.spec.image, second.image);
  for (const auto& one : second.instances) {
    EXPECT_TRUE(one.current) << one.id;
    EXPECT_EQ(wanted.spec.image, one.image);
  }
  EXPECT_FALSE(second.rollout.back);

  fleet->roll_back();
  const auto third = settle_and_serve();
  EXPECT_EQ(first.image, third.image);
  EXPECT_EQ(2, third.healthy());
  EXPECT_TRUE(third.rollout.back);
}

TEST_P(Driver, GoesBackByItselfFromAnImageThatDoesNotGetHealthy) {
  auto wanted = ground().wanted(kName, Image::Broken);
  wanted.rollout = wanted.spec.rollout;
  wanted.rollout->limit = std::chrono::seconds(15);
  const auto change = fleet->apply(wanted);
  const auto after = settle_and_serve();
  EXPECT_EQ(first.image, after.image);
  EXPECT_TRUE(after.rollout.back);
  EXPECT_GT(after.rollout.number, change.rollout - 1);
  EXPECT_NE("", after.rollout.reason);
  EXPECT_EQ(2, after.healthy());
}

TEST_P(Driver, RestartReplacesAll) {
  fleet->restart();
  const auto after = settle_and_serve();
  for (const auto& id : ids(first))
    EXPECT_FALSE(ids(after).contains(id)) << id;
  EXPECT_EQ(2, after.healthy());
}

TEST_P(Driver, SettingsReachInstances) {
  auto wanted = ground().wanted(kName, Image::One);
  wanted.spec.environment["GREETING"] = "a \"new\" $one";
  EXPECT_TRUE(fleet->apply(wanted).changed);
  const auto after = settle_and_serve();
  ASSERT_EQ(2u, after.instances.size());
  for (const auto& one : after.instances) {
    EXPECT_EQ("a \"new\" $one", ground().setting(kName, one, "GREETING")) << one.id;
    EXPECT_FALSE(ids(first).contains(one.id)) << "one that runs has the old ones";
  }
}

TEST_P(Driver, StopsAndStarts) {
  fleet->stop();
  const auto stopped = fleet->status();
  EXPECT_EQ("stopped", stopped.mode);
  EXPECT_TRUE(stopped.instances.empty());
  EXPECT_TRUE(fleet->exists());
  EXPECT_EQ(first.image, stopped.image);
  fleet->start();
  const auto after = settle();
  EXPECT_EQ(2, after.healthy());
  EXPECT_EQ(first.endpoint, after.endpoint);
  EXPECT_TRUE(ground().answers(after));
}

TEST_P(Driver, AutoscalesBetweenItsBounds) {
  fleet::Autoscale autoscale;
  autoscale.least = 3;
  autoscale.most = 4;
  autoscale.targets = {{fleet::Metric::Cpu, 90}};
  fleet->autoscale(autoscale);
  for (const auto until = steady_clock::now() + kLimit; steady_clock::now() < until; ground().wait())
    if (fleet->status().desired == 3)
      break;
  EXPECT_EQ(3, settle().healthy());
  EXPECT_EQ(autoscale, fleet->spec()->autoscale);
  fleet->autoscale({});
  EXPECT_FALSE(fleet->spec()->autoscale);
  settle();  // that is a change, too, and the next one may be refused until it is done
}

TEST_P(Driver, TellsItsStatusToPrograms) {
  const auto document = fleet::to_json(first);
  for (const auto* key : {"name", "driver", "image", "desired", "healthy", "endpoint", "instances"})
    EXPECT_TRUE(document.contains(key)) << key;
  EXPECT_EQ(ground().driver().name(), document["driver"]);
  const Ids states{"starting", "healthy", "unhealthy", "draining", "stopping", "failed"};
  for (const auto& one : document["instances"]) {
    for (const auto* key : {"id", "state", "image", "address", "healthy", "started_at"})
      EXPECT_TRUE(one.contains(key)) << key;
    EXPECT_TRUE(states.contains(one["state"])) << one["state"];
  }
}

TEST_P(Driver, TellsWhatHappenedAlsoToInstancesThatAreGone) {
  const auto gone = first.instances[0].id;
  fleet->restart();
  settle();
  const auto events = fleet->events();
  const auto of_it = [&](const fleet::Event& event) { return event.instance == gone; };
  EXPECT_GE(std::ranges::count_if(events, of_it), 2) << "it came, and went";
  EXPECT_TRUE(std::ranges::is_sorted(events, {}, &fleet::Event::time));
  const auto logged = fleet->logged();
  ASSERT_NE(logged.end(), std::ranges::find(logged, gone));
  EXPECT_NE("", fleet->log(gone)->read());
}

TEST_P(Driver, RefusesWhatCannotBe) {
  const auto refused = [](const auto& order) {
    try {
      order();
      return false;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::Usage;
    }
  };
  EXPECT_TRUE(refused([&] { ground().driver().fleet("another")->scale(1); })) << "there is none";
  EXPECT_TRUE(refused([&] { fleet->debug("conformance-99999", false); })) << "no such instance";
  EXPECT_FALSE(ground().driver().fleet("another")->exists());
  EXPECT_EQ(ids(first), ids(fleet->status()));
}

TEST_P(Driver, TakenDownLeavesNothing) {
  fleet->down(driver::Volumes::Remove);
  EXPECT_FALSE(fleet->exists());
  EXPECT_TRUE(ground().driver().fleets().empty());
  EXPECT_EQ(std::vector<std::string>{}, ground().remains());
}

INSTANTIATE_TEST_SUITE_P(Memory, Driver, testing::Values(Candidate{"memory", memory_ground}));
INSTANTIATE_TEST_SUITE_P(Local, Driver, testing::Values(Candidate{"local", local_ground}));
INSTANTIATE_TEST_SUITE_P(Openstack, Driver, testing::Values(Candidate{"openstack", openstack_ground}));
INSTANTIATE_TEST_SUITE_P(Aws, Driver, testing::Values(Candidate{"aws", aws_ground}));

}  // namespace
}  // namespace vmfleet::conformance

/// vmfleet's local driver starts itself in the background: then this program is vmfleet.
int main(int argc, char** argv) {
  if (argc > 1 && argv[1][0] != '-') {
    ::execv(VMFLEET, argv);
    return 127;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
