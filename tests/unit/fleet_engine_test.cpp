// The engine of a supervisor with machines, checks and a balancer that only pretend.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "driver/memory/machines.hpp"
#include "driver/memory/outside.hpp"
#include "supervisor/engine.hpp"
#include "supervisor/logs.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::supervisor {
namespace {

using fleet::State;
using vmimage::support::TempDir;

recipe::Manifest manifest(const std::string& digest = "sha256:0123456789abcdef") {
  recipe::Manifest one;
  one.name = "hello";
  one.version = "1";
  one.digest = digest;
  one.base = "minimal";
  one.base_digest = "sha256:0";
  one.init = "busybox";
  one.service = "hello";
  one.user = "hello";
  one.ports = {{9090}, {8080}, {53, recipe::Protocol::Udp}};
  one.health = recipe::parse_health("http://:8080/");
  one.disk = 1 << 20;
  one.formats = {"qcow2"};
  one.boot = {"sha256:1", "6.1", "/EFI/BOOT/BOOTX64.EFI", "quiet"};
  return one;
}

class FleetEngine : public testing::Test {
 protected:
  FleetEngine() {
    place = {"hello", folder.path() / "state", folder.path() / "run"};
    std::filesystem::create_directories(place.root);
    spec = {.name = "hello", .image = folder.path() / "hello.qcow2", .count = 3};
    vmimage::support::write_file_atomic(spec.image, "image one");
    make();
  }

  /// A new supervisor on what the last one has written.
  void make() {
    FleetState state;
    if (std::filesystem::exists(place.state()))
      state = parse_state(vmimage::support::read_file(place.state()), "state");
    engine = std::make_unique<Engine>(
        place, state, Outside{machines, checks, balancer, [this] { return now; }, [this] { return wall; }});
  }

  void ticks(int number) {
    for (int i = 0; i < number; ++i) {
      now += std::chrono::seconds(1);
      engine->tick();
    }
  }

  std::vector<std::string> ids() {
    std::vector<std::string> list;
    for (const auto& one : engine->status().instances)
      list.push_back(one.id);
    return list;
  }

  fleet::Spec changed(const std::string& digest) {
    vmimage::support::write_file_atomic(spec.image, "image " + digest);
    return spec;
  }

  void settle() {
    for (int i = 0; i < 60 && (i == 0 || !engine->status().settled); ++i)
      ticks(1);
    EXPECT_TRUE(engine->status().settled);
  }

  void deploy(const std::string& digest) {
    engine->apply(changed(digest), recipe::to_json(manifest(digest)));
    settle();
  }

  void up() {
    engine->apply(spec, recipe::to_json(manifest()));
    ticks(3);
    ASSERT_TRUE(engine->status().settled);
  }

  using Ids = std::vector<std::string>;
  TempDir folder;
  Place place;
  fleet::Spec spec;
  driver::MemoryMachines machines;
  driver::MemoryChecks checks;
  driver::MemoryBalancer balancer;
  fleet::Milliseconds now{1'000'000};
  std::int64_t wall = 1000;
  std::unique_ptr<Engine> engine;
};

TEST_F(FleetEngine, BringsUpWhatIsAskedFor) {
  up();
  EXPECT_EQ((Ids{"hello-1", "hello-2", "hello-3"}), ids());
  EXPECT_EQ(3, balancer.ready());
  const auto status = engine->status();
  EXPECT_EQ(3, status.healthy());
  EXPECT_TRUE(status.endpoint.starts_with("http://127.0.0.1:"));
  ASSERT_EQ(1u, balancer.served.size());
  ASSERT_EQ(2u, balancer.served[0].listeners.size()) << "UDP has no listener";
  EXPECT_EQ(8080, balancer.served[0].listeners[0].guest) << "the checked port comes first";
  EXPECT_EQ("image one", vmimage::support::read_file(machines.known.at("hello-1").image));
}

TEST_F(FleetEngine, ReplacesOneThatDied) {
  up();
  ticks(15);
  machines.alive.erase("hello-2");
  ticks(3);
  EXPECT_EQ((Ids{"hello-1", "hello-3", "hello-4"}), ids());
  EXPECT_TRUE(engine->status().settled);
}

TEST_F(FleetEngine, GivesNoRequestsToOneThatIsSickAndReplacesItLater) {
  up();
  ticks(15);
  checks.sick = {"hello-2"};
  ticks(1);
  EXPECT_EQ(2, balancer.ready());
  EXPECT_EQ("hello-2: HTTP 500", engine->status().problem);
  EXPECT_EQ(3u, ids().size());
  ticks(18);
  EXPECT_EQ((Ids{"hello-1", "hello-3", "hello-4"}), ids());
}

TEST_F(FleetEngine, RemembersTheLastThatAreGoneAndWhy) {
  up();
  ticks(15);
  wall = 2000;
  machines.alive.erase("hello-1");
  checks.sick = {"hello-2"};
  ticks(25);
  engine->scale(2);
  ticks(5);
  make();
  const auto gone = engine->status().gone;
  ASSERT_EQ(3u, gone.size());
  EXPECT_EQ((fleet::GoneInstance{"hello-1", spec.image, 1000, 2000, "failed: its machine ended"}), gone[0]);
  EXPECT_EQ("hello-2", gone[1].id);
  EXPECT_EQ("failed: HTTP 500", gone[1].reason);
  EXPECT_EQ("fewer are wanted", gone[2].reason);
  deploy("sha256:2");
  EXPECT_EQ("replaced: the fleet has another image or other settings", engine->status().gone.back().reason);
  for (std::size_t i = 0; i < kKeptGone; ++i) {
    engine->restart();
    settle();
  }
  EXPECT_EQ(kKeptGone, engine->status().gone.size());
  const auto last = engine->status().gone.back().id;
  engine->set_mode(Mode::Stopped);
  ticks(5);
  EXPECT_EQ("the fleet was stopped", engine->status().gone.back().reason);
  EXPECT_NE(last, engine->status().gone.back().id);
}

TEST_F(FleetEngine, SetsASickOneAsideAndReplacesIt) {
  up();
  checks.sick = {"hello-2"};
  ticks(1);
  EXPECT_THROW(engine->debug("hello-9"), vmimage::support::Error);
  EXPECT_THROW(engine->end_debug("hello-2"), vmimage::support::Error) << "it is not set aside";
  engine->debug("hello-2");
  ticks(1);
  EXPECT_EQ(balancer::Mode::Drain, balancer.routes.at(2).mode) << "its requests are finished";
  checks.sick.clear();
  ticks(100);
  make();  // by another supervisor, too
  ticks(10);
  EXPECT_EQ((Ids{"hello-1", "hello-2", "hello-3", "hello-4"}), ids());
  EXPECT_EQ(State::Debug, engine->status().instances[1].state);
  EXPECT_TRUE(engine->status().settled);
  EXPECT_EQ("ok", engine->status().health());
  EXPECT_EQ(3, balancer.ready());
  EXPECT_EQ("", engine->status().problem);
  engine->scale(0);
  ticks(10);
  EXPECT_EQ(Ids{"hello-2"}, ids());
  engine->end_debug("hello-2");
  EXPECT_THROW(engine->debug("hello-2"), vmimage::support::Error) << "it is on its way out";
  ticks(2);
  EXPECT_EQ(Ids{}, ids());
  EXPECT_EQ("set aside", engine->status().gone.back().reason);
}

TEST_F(FleetEngine, IsPoweredOffWithItsMachineAndComesBackWithTheNext) {
  up();
  engine->halt();
  EXPECT_FALSE(engine->finished());
  ticks(5);
  EXPECT_TRUE(engine->finished());
  EXPECT_EQ(Mode::Running, engine->mode());
  EXPECT_EQ("the machine that it runs on is shut down", engine->status().gone.back().reason);
  EXPECT_EQ(1, std::count(machines.log.begin(), machines.log.end(), "power-off hello-3"));
  make();
  settle();
  EXPECT_EQ(3, balancer.ready());
}

TEST_F(FleetEngine, OneThatIsSetAsideEndsWithItsFleet) {
  up();
  engine->debug("hello-1");
  ticks(3);
  machines.deaf = {"hello-1"};
  engine->set_mode(Mode::Removing);
  ticks(20);
  EXPECT_FALSE(engine->finished()) << "it gets its time to power off";
  ticks(30);
  EXPECT_TRUE(engine->finished());
}

TEST_F(FleetEngine, CountsHealthyOnesAlsoOfAnImageWithoutPorts) {
  auto portless = manifest();
  portless.ports.clear();
  portless.health = {};
  engine->apply(spec, recipe::to_json(portless));
  settle();
  ticks(3);
  EXPECT_EQ(3, engine->history().points().back().healthy);
}

TEST_F(FleetEngine, StartsThatFailAreHeldBackAndTold) {
  machines.problem = "no memory";
  engine->apply(spec, recipe::to_json(manifest()));
  ticks(2);
  EXPECT_EQ(3, engine->status().quick_failures);
  EXPECT_NE(std::string::npos, engine->status().problem.find("no memory"));
  const auto starts = machines.log.size();
  ticks(1);
  EXPECT_EQ(starts, machines.log.size());
}

TEST_F(FleetEngine, TakesOverWithoutStartingAnythingAgain) {
  up();
  const auto before = machines.alive;
  make();
  ticks(2);
  EXPECT_EQ(before, machines.alive);
  EXPECT_TRUE(engine->status().settled);
  EXPECT_EQ(1, std::count(machines.log.begin(), machines.log.end(), "adopt hello-2"));
}

TEST_F(FleetEngine, TakesOverInTheMiddleOfAStart) {
  engine->apply(spec, recipe::to_json(manifest()));
  ticks(1);  // starts are noted, but not yet where they run
  machines.alive.clear();
  make();
  ticks(2);
  EXPECT_EQ((Ids{"hello-1", "hello-2", "hello-3"}), ids());
  EXPECT_TRUE(engine->status().settled);
  EXPECT_EQ(0, engine->status().quick_failures);
}

TEST_F(FleetEngine, TakesOverWhatDiedMeanwhile) {
  up();
  ticks(15);
  machines.alive.erase("hello-1");
  // The record says where it ran; the driver finds nobody there.
  make();
  machines.alive.erase("hello-1");
  ticks(3);
  EXPECT_EQ((Ids{"hello-2", "hello-3", "hello-4"}), ids());
}

TEST_F(FleetEngine, BringsTheFleetBackAfterTheMachineWasStartedAnew) {
  up();
  ticks(15);
  FleetState state = parse_state(vmimage::support::read_file(place.state()), "state");
  state.boot_id = "another";
  vmimage::support::write_file_atomic(place.state(), to_json(state));
  machines.alive.clear();
  now = fleet::Milliseconds(5000);  // of the new boot
  make();
  EXPECT_EQ(1, std::count(machines.log.begin(), machines.log.end(), "discard hello-2"));
  ticks(2);
  EXPECT_EQ((Ids{"hello-4", "hello-5", "hello-6"}), ids());
  EXPECT_TRUE(engine->status().settled);
  EXPECT_EQ(0, engine->status().quick_failures) << "it was not their fault";
}

TEST_F(FleetEngine, ClocksThatJumpChangeNothing) {
  up();
  const auto before = machines.log;
  for (const std::int64_t time : {std::int64_t{4'000'000'000}, std::int64_t{0}, std::int64_t{-100}}) {
    wall = time;
    ticks(3);
  }
  now += std::chrono::hours(1000);
  ticks(3);
  EXPECT_EQ(before, machines.log);
  EXPECT_TRUE(engine->status().settled);
}

TEST_F(FleetEngine, WithoutRoomForItsStateItGoesOnButBeginsNothing) {
  up();
  std::filesystem::remove(place.state());
  std::filesystem::create_directories(place.state() / "in the way");
  spec.environment["K"] = "v";
  EXPECT_THROW(engine->apply(spec, recipe::to_json(manifest())), vmimage::support::Error);
  engine->scale(4);
  machines.alive.erase("hello-2");
  ticks(30);
  EXPECT_EQ(2, balancer.ready());
  EXPECT_EQ(0, std::count(machines.log.begin(), machines.log.end(), "start hello-4"));
  EXPECT_NE(std::string::npos, engine->status().problem.find("state.json"));
  std::filesystem::remove_all(place.state());
  ticks(4);
  EXPECT_EQ(4, balancer.ready());
  EXPECT_TRUE(engine->status().settled);
  make();  // and all of it was noted
  EXPECT_EQ(4u, ids().size());
}

TEST_F(FleetEngine, StartsNothingFromAnImageThatWasWrittenToUntilItIsTakenAnew) {
  up();
  std::ofstream(spec.image, std::ios::app) << " and more";
  machines.alive.erase("hello-2");
  ticks(30);
  EXPECT_EQ(2, balancer.ready());
  EXPECT_LT(2, engine->status().quick_failures);
  EXPECT_NE(std::string::npos, engine->status().problem.find("was written to"));
  EXPECT_FALSE(engine->apply(spec, recipe::to_json(manifest())).changed);
  ticks(3);
  EXPECT_EQ(3, balancer.ready());
  EXPECT_TRUE(engine->status().settled);
}

TEST_F(FleetEngine, TheLogOfAnInstanceThatFloodsItsConsoleIsBounded) {
  up();
  const auto log = place.log("hello-1");
  std::filesystem::create_directories(log.parent_path());
  std::ofstream(log) << std::string(3 << 20, 'a');
  ticks(3);
  EXPECT_FALSE(std::filesystem::exists(older_log(log)));
  std::ofstream(log, std::ios::app) << std::string(3 << 20, 'b');
  ticks(3);
  EXPECT_EQ(kLargestLog, std::filesystem::file_size(older_log(log)));
  EXPECT_EQ(0u, std::filesystem::file_size(log));
  std::ofstream(log, std::ios::app) << "the end";
  EXPECT_TRUE(read_log(log).ends_with("bbthe end"));
  LogReader reader(log);
  EXPECT_TRUE(reader.read().ends_with("bbthe end"));
  EXPECT_EQ("", reader.read());
  std::ofstream(log, std::ios::app) << std::string(5 << 20, 'c');
  EXPECT_EQ(std::string(5 << 20, 'c'), reader.read());
  std::ofstream(log, std::ios::app) << "before";
  std::filesystem::copy_file(log, older_log(log), std::filesystem::copy_options::overwrite_existing);
  std::ofstream(log, std::ios::trunc) << "after";  // as when it is bounded
  EXPECT_EQ("beforeafter", reader.read());
  remove_log(log);
  EXPECT_EQ("", read_log(log));
}

TEST_F(FleetEngine, ScalesWithTheBalancerInStep) {
  up();
  engine->scale(1);
  ticks(1);
  EXPECT_EQ(1, balancer.ready());
  ticks(3);
  EXPECT_EQ(Ids{"hello-1"}, ids());
  engine->scale(2);
  ticks(2);
  EXPECT_EQ((Ids{"hello-1", "hello-4"}), ids());
}

TEST_F(FleetEngine, WaitsForOpenRequestsBeforeItPowersOff) {
  up();
  balancer.counts[3].connections = 1;
  engine->scale(2);
  ticks(4);
  EXPECT_EQ(0, std::count(machines.log.begin(), machines.log.end(), "power-off hello-3"));
  balancer.counts.clear();
  ticks(3);
  EXPECT_EQ(1, std::count(machines.log.begin(), machines.log.end(), "power-off hello-3"));
}

TEST_F(FleetEngine, AMachineThatIsDeafToItsButtonIsKilled) {
  up();
  machines.deaf = {"hello-3"};
  engine->scale(2);
  ticks(40);
  EXPECT_EQ(1, std::count(machines.log.begin(), machines.log.end(), "kill hello-3"));
  EXPECT_EQ((Ids{"hello-1", "hello-2"}), ids());
}

TEST_F(FleetEngine, ANewImageReplacesAllAndUndoGoesBackWithoutStartingAnything) {
  up();
  vmimage::support::write_file_atomic(spec.image, "image two");
  EXPECT_TRUE(engine->apply(spec, recipe::to_json(manifest("sha256:fedc"))).changed);
  ticks(1);
  checks.sick = {"hello-4"};
  ticks(3);
  EXPECT_EQ(3, balancer.ready()) << "the old ones serve until the new one does";
  EXPECT_EQ("image two", vmimage::support::read_file(machines.known.at("hello-4").image));
  EXPECT_EQ("image one", vmimage::support::read_file(machines.known.at("hello-1").image));
  engine->undo();
  ticks(3);
  EXPECT_EQ((Ids{"hello-1", "hello-2", "hello-3"}), ids());
  EXPECT_TRUE(engine->status().settled);
}

TEST_F(FleetEngine, ARolloutEndsWithTheNewOnesOnly) {
  up();
  spec.environment["K"] = "v";
  engine->apply(spec, recipe::to_json(manifest()));
  for (int i = 0; i < 40 && !engine->status().settled; ++i) {
    ticks(1);
    EXPECT_GE(balancer.ready(), 3);
  }
  EXPECT_EQ((Ids{"hello-4", "hello-5", "hello-6"}), ids());
  EXPECT_EQ("v", machines.known.at("hello-6").environment.at("K"));
}

TEST_F(FleetEngine, RollbackReturnsToTheImageBeforeAndOnAgain) {
  up();
  EXPECT_THROW(engine->roll_back(""), vmimage::support::Error);
  deploy("sha256:fedc");
  engine->roll_back("");
  settle();
  EXPECT_EQ("image one", vmimage::support::read_file(machines.known.at(ids().at(0)).image));
  EXPECT_TRUE(engine->status().rollout.back);
  engine->roll_back("");
  settle();
  EXPECT_EQ("image sha256:fedc", vmimage::support::read_file(machines.known.at(ids().at(0)).image));
}

TEST_F(FleetEngine, AnImageThatFailsIsGoneBackFromAndNotReturnedTo) {
  up();
  deploy("sha256:fedc");
  const auto before = ids();
  machines.problem = "no such machine";
  engine->apply(changed("sha256:bad"), recipe::to_json(manifest("sha256:bad")));
  ticks(20);
  machines.problem.clear();
  settle();
  EXPECT_EQ(before, ids());
  const auto rollout = engine->status().rollout;
  EXPECT_TRUE(rollout.back);
  EXPECT_NE(std::string::npos, rollout.reason.find("no such machine")) << rollout.reason;
  make();  // what there is to go back to is not lost with the supervisor
  engine->roll_back("");
  settle();
  EXPECT_EQ("image one", vmimage::support::read_file(machines.known.at(ids().at(0)).image));
}

TEST_F(FleetEngine, BlueGreenSwitchesAtOnceAndBackWithoutStartingAnything) {
  up();
  const auto before = ids();
  spec.rollout.strategy = fleet::Strategy::BlueGreen;
  deploy("sha256:fedc");
  EXPECT_EQ(6u, ids().size());
  EXPECT_EQ(3, balancer.ready());
  engine->roll_back("");
  ticks(1);
  EXPECT_EQ(3, balancer.ready());
  settle();
  ticks(5);
  EXPECT_EQ(before, ids());
}

TEST_F(FleetEngine, TheCountFollowsTheLoad) {
  spec.autoscale =
      fleet::Autoscale{.least = 2, .most = 5, .targets = {{fleet::Metric::Requests, 10}}, .schedule = {}};
  up();
  for (int i = 0; i < 40; ++i) {
    for (int slot = 1; slot <= 5; ++slot)
      balancer.counts[slot].requests += 14;  // a second: of 3 instances, 42
    ticks(1);
  }
  EXPECT_EQ(5u, ids().size());
  for (int i = 0; i < 700; ++i)
    ticks(1);
  EXPECT_EQ(2u, ids().size());
}

TEST_F(FleetEngine, AChangedSecretReplacesAllAndTheOldOneGoes) {
  const auto file = folder.path() / "secret";
  vmimage::support::write_file_atomic(file, "the first");
  spec.secrets["db"] = file;
  up();
  EXPECT_EQ("the first", vmimage::support::read_file(machines.known.at("hello-1").secrets / "db"));
  EXPECT_FALSE(engine->apply(spec, recipe::to_json(manifest())).changed);
  vmimage::support::write_file_atomic(file, "the second");
  EXPECT_TRUE(engine->apply(spec, recipe::to_json(manifest())).changed);
  EXPECT_EQ(std::string::npos, vmimage::support::read_file(place.state()).find("the second"));
  for (int i = 0; i < 40 && !engine->status().settled; ++i)
    ticks(1);
  EXPECT_EQ((Ids{"hello-4", "hello-5", "hello-6"}), ids());
  EXPECT_EQ("the second", vmimage::support::read_file(machines.known.at("hello-4").secrets / "db"));
}

TEST_F(FleetEngine, ARestartReadsSecretsAgainWhereTheyStillAre) {
  const auto file = folder.path() / "secret";
  vmimage::support::write_file_atomic(file, "one");
  spec.secrets["db"] = file;
  spec.count = 1;
  up();
  const auto restart = [&] {
    engine->restart();
    for (int i = 0; i < 40 && (i == 0 || !engine->status().settled); ++i)
      ticks(1);
    return vmimage::support::read_file(machines.known.at(ids().at(0)).secrets / "db");
  };
  vmimage::support::write_file_atomic(file, "two");
  EXPECT_EQ("two", restart());
  std::filesystem::remove(file);
  EXPECT_EQ("two", restart());
}

TEST_F(FleetEngine, TheSameAgainChangesNothing) {
  up();
  EXPECT_FALSE(engine->apply(spec, recipe::to_json(manifest())).changed);
  const auto before = machines.log;
  ticks(3);
  EXPECT_EQ(before, machines.log);
}

TEST_F(FleetEngine, APortInUseLeavesEverythingAsItWas) {
  up();
  balancer.problem = "the port is in use";
  spec.port = 80;
  EXPECT_THROW(engine->apply(spec, recipe::to_json(manifest())), vmimage::support::Error);
  balancer.problem.clear();
  ticks(2);
  EXPECT_TRUE(engine->status().settled);
  EXPECT_TRUE(engine->status().endpoint.find(":80") != engine->status().endpoint.size() - 3);
}

recipe::Manifest with_volume(const std::string& digest = "sha256:0123456789abcdef") {
  auto one = manifest(digest);
  one.volumes = {{"/srv/data", 1ull << 30}};
  return one;
}

TEST_F(FleetEngine, VolumesGoFromAnInstanceThatIsGoneToTheNext) {
  spec.count = 2;
  engine->apply(spec, recipe::to_json(with_volume()));
  settle();
  const auto volumes = [&] {
    std::map<std::string, std::string> folders;
    for (const auto& [id, launch] : machines.known)
      folders[id] = launch.volumes.filename();
    return folders;
  };
  using Folders = std::map<std::string, std::string>;
  EXPECT_EQ((Folders{{"hello-1", "1"}, {"hello-2", "2"}}), volumes());
  EXPECT_EQ(folder.path() / ".volumes" / "hello" / "1", machines.known.at("hello-1").volumes);
  machines.deaf = {"hello-2"};  // it does not go before it is killed
  engine->apply(changed("sha256:fedc"), recipe::to_json(with_volume("sha256:fedc")));
  ticks(10);
  make();  // whoever looks after it knows who has which
  EXPECT_EQ((Folders{{"hello-1", "1"}, {"hello-2", "2"}}), volumes());
  settle();
  EXPECT_EQ((Folders{{"hello-3", "2"}, {"hello-4", "1"}}), volumes());
}

TEST_F(FleetEngine, VolumesAndOldBesideNewDoNotGoTogether) {
  engine->apply(spec, recipe::to_json(with_volume()));
  settle();
  const auto before = machines.log;
  for (const auto strategy : {fleet::Strategy::BlueGreen, fleet::Strategy::Canary}) {
    const auto image = recipe::to_json(with_volume("sha256:fedc"));
    EXPECT_THROW(engine->apply(changed("sha256:fedc"), image, fleet::RolloutRules{.strategy = strategy}),
                 vmimage::support::Error);
  }
  ticks(5);
  EXPECT_EQ(before, machines.log);
}

TEST_F(FleetEngine, StopsAndStartsAgain) {
  up();
  const auto endpoint = engine->status().endpoint;
  engine->set_mode(Mode::Stopped);
  ticks(4);
  EXPECT_TRUE(engine->finished());
  EXPECT_TRUE(machines.alive.empty());
  make();
  engine->set_mode(Mode::Running);
  ticks(3);
  EXPECT_TRUE(engine->status().settled);
  EXPECT_EQ(endpoint, engine->status().endpoint);
}

TEST_F(FleetEngine, RemovingGoesOnInTheNextSupervisorAndIsFinal) {
  up();
  engine->set_mode(Mode::Removing);
  make();
  engine->set_mode(Mode::Running);
  EXPECT_THROW(engine->apply(spec, recipe::to_json(manifest())), vmimage::support::Error);
  ticks(4);
  EXPECT_TRUE(engine->finished());
  EXPECT_TRUE(machines.known.empty());
}

}  // namespace
}  // namespace vmfleet::supervisor
