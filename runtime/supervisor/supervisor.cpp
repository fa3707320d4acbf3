#include "supervisor/supervisor.hpp"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <thread>

#include "dashboard/dashboard.hpp"
#include "driver/local/machines.hpp"
#include "fleet/rules.hpp"
#include "supervisor/damage.hpp"
#include "supervisor/engine.hpp"
#include "supervisor/socket.hpp"
#include "supervisor/volumes.hpp"
#include "supervisor/wake.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmfleet::supervisor {

namespace support = vmimage::support;
using std::chrono::milliseconds;
using support::json;

namespace {

constexpr milliseconds kTick{200};         // while something is under way
constexpr milliseconds kRest{1000};        // between two looks at a fleet that is as it shall be
constexpr milliseconds kPause{200};        // between two attempts to take another one's place
constexpr milliseconds kPatience{20'000};  // for the first order, before a fleet without any is given up

/// While the machine sleeps, so do the instances: that time does not count.
milliseconds monotonic() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return milliseconds(time.tv_sec * 1000 + time.tv_nsec / 1'000'000);
}

fleet::Status status_of(Engine& engine, const dashboard::Dashboard& dashboard) {
  auto status = engine.status();
  status.dashboard = dashboard.address();
  return status;
}

/// What orders are about.
struct Subject {
  Engine& engine;
  const dashboard::Dashboard& dashboard;
  bool resigned = false;
};

json carry_out(Subject& subject, const json& order) {
  Engine& engine = subject.engine;
  const std::string command = order.at("command");
  json answer{{"ok", true}};
  const bool for_any = command == "apply" || command == "status" || command == "down" || command == "resign";
  if (!for_any && engine.empty())
    throw support::failure("the fleet has not been started");
  if (command == "apply") {
    const auto spec = fleet::parse_spec(order.at("spec").dump(), "fleet spec", "/");
    std::optional<fleet::RolloutRules> rules;
    if (order.contains("rollout"))
      rules = fleet::read_rollout(support::Fields(order.at("rollout"), "order", "/rollout"), spec.rollout);
    const auto change = engine.apply(spec, order.at("manifest"), rules);
    answer["changed"] = change.changed;
    answer["was_stopped"] = change.was_stopped;
  } else if (command == "undo") {
    engine.undo();
  } else if (command == "rollback") {
    engine.roll_back("");
  } else if (command == "scale") {
    engine.scale(order.at("count"));
  } else if (command == "autoscale") {
    engine.autoscale(order.contains("autoscale") ? std::optional(fleet::read_autoscale(
                                                       support::Fields(order.at("autoscale"), "order")))
                                                 : std::nullopt);
  } else if (command == "restart") {
    engine.restart();
  } else if (command == "debug") {
    const std::string id = order.at("instance");
    order.at("end").get<bool>() ? engine.end_debug(id) : engine.debug(id);
  } else if (command == "halt") {
    engine.halt();
  } else if (command == "resign") {
    subject.resigned = true;
  } else if (command == "start") {
    engine.set_mode(Mode::Running);
  } else if (command == "stop") {
    engine.set_mode(Mode::Stopped);
  } else if (command == "down") {
    if (order.value("volumes", false))
      engine.drop_volumes();
    engine.set_mode(Mode::Removing);
  } else if (command != "status") {
    throw support::invalid(fmt::format("unknown order '{}'", command));
  }
  answer["status"] = fleet::to_json(status_of(engine, subject.dashboard));
  return answer;
}

std::string answer_to(Subject& subject, const std::string& question) {
  json answer;
  try {
    answer = carry_out(subject, support::parse_json(question, "order"));
  } catch (const support::Error& error) {
    answer = {{"ok", false},
              {"exit_status", error.exit_status()},
              {"message", error.what()},
              {"hint", error.hint()}};
  } catch (const std::exception& error) {
    answer = {{"ok", false}, {"exit_status", 1}, {"message", error.what()}, {"hint", ""}};
  }
  answer["pid"] = ::getpid();
  return answer.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

/// What is wrong now may be right at the next look; until then the fleet is kept as far as that goes.
void tick(Engine& engine, std::string& problem) {
  try {
    engine.tick();
    problem.clear();
  } catch (const std::exception& error) {
    if (problem != error.what())
      fmt::print(stderr, "vmfleet: {}\n", error.what());
    problem = error.what();
  }
}

void show(Engine& engine, dashboard::Dashboard& dashboard) {
  const auto& points = engine.history().points();
  if (dashboard.wanted())
    dashboard.publish({status_of(engine, dashboard), {points.begin(), points.end()}});
}

/// No relative path may mean something else once the working folder is another one.
void leave_working_folder() {
  ::setenv("VMIMAGE_CACHE", support::cache_folder().c_str(), 1);
  fs::current_path("/");
}

/// The lock of a fleet that there is; nothing when it is left to another one, or when we are interrupted.
std::unique_ptr<SupervisorLock> lock_of(const std::string& name, Other other) {
  while (true) {
    const Place place = locate(name);
    auto lock = std::make_unique<SupervisorLock>(place);
    if (lock->held())
      return lock;
    if (other == Other::Leave || !fs::exists(place.root) || support::interrupted())
      return nullptr;
    try {
      exchange(place.control(), json{{"command", "resign"}}.dump() + "\n", kPause);
    } catch (const support::Error&) {
      // It is just beginning, or ending.
    }
    std::this_thread::sleep_for(kPause);
  }
}

/// Where the folder for sockets was during an earlier boot, another user's session may be mounted now.
Place place_of(const std::string& name, const FleetState& state) {
  const Place place = make_place(name);
  const bool same_boot = state.boot_id.empty() || state.boot_id == driver::boot_id();
  return same_boot ? place : renew_sockets(place);
}

/// Until nothing is left to look after, or we are interrupted; says whether the fleet is to be removed.
bool look_after(const Place& place, const FleetState& state) {
  const Wake wake;
  const auto ring = [&wake] { wake.ring(); };
  const auto notice_end = [&wake](pid_t process) { wake.ring_at_end_of(process); };
  driver::LocalMachines machines(place.root, ring, notice_end);
  health::Monitor monitor(ring);
  balancer::HaProxy balancer(place.root, notice_end);
  const auto wall = [] { return static_cast<std::int64_t>(::time(nullptr)); };
  Engine engine(place, state, {machines, monitor, balancer, monotonic, wall});
  dashboard::Dashboard dashboard(place.root.string());
  Subject subject{engine, dashboard};
  const auto start = monotonic();
  bool asked = false;
  std::string problem;
  // One that was started for a new or a stopped fleet waits for the order that it was started for.
  const auto waiting = [&] {
    const bool idle = engine.empty() || (engine.finished() && engine.mode() == Mode::Stopped);
    return idle && !asked && monotonic() - start < kPatience;
  };
  const auto answer = [&](const std::string& question) {
    asked = true;
    return answer_to(subject, question);
  };
  {
    Server server(place.control());
    while (!support::interrupted() && !subject.resigned &&
           (waiting() || !(engine.empty() || engine.finished()))) {
      tick(engine, problem);
      show(engine, dashboard);
      server.serve(engine.at_rest() ? kRest : kTick, wake, answer);
    }
  }
  if (engine.finished())
    balancer.stop();
  if (engine.finished() && engine.mode() == Mode::Removing && engine.state().drop_volumes)
    remove_volumes(place);
  return engine.empty() || (engine.finished() && engine.mode() == Mode::Removing);
}

}  // namespace

void supervise(const std::string& name, Other other) {
  leave_working_folder();
  const auto lock = lock_of(name, other);
  if (!lock)
    return;
  const FleetState state = read_state(locate(name));
  const Place place = place_of(name, state);
  make_sockets(place);
  if (look_after(place, state))
    remove_place(place);
}

}  // namespace vmfleet::supervisor
