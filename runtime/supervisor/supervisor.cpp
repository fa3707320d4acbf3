#include "supervisor/supervisor.hpp"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

#include "driver/local/local.hpp"
#include "fleet/rules.hpp"
#include "supervisor/damage.hpp"
#include "supervisor/engine.hpp"
#include "supervisor/socket.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmfleet::supervisor {

namespace support = vmimage::support;
using std::chrono::milliseconds;
using support::json;

namespace {

constexpr milliseconds kTick{200};
constexpr milliseconds kPatience{20'000};  // for the first order, before a fleet without any is given up

/// While the machine sleeps, so do the instances: that time does not count.
milliseconds monotonic() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return milliseconds(time.tv_sec * 1000 + time.tv_nsec / 1'000'000);
}

json carry_out(Engine& engine, const json& order) {
  const std::string command = order.at("command");
  json answer{{"ok", true}};
  if (command != "apply" && command != "status" && command != "down" && engine.empty())
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
  } else if (command == "start") {
    engine.set_mode(Mode::Running);
  } else if (command == "stop") {
    engine.set_mode(Mode::Stopped);
  } else if (command == "down") {
    engine.set_mode(Mode::Removing);
  } else if (command != "status") {
    throw support::invalid(fmt::format("unknown order '{}'", command));
  }
  answer["status"] = fleet::to_json(engine.status());
  return answer;
}

std::string answer_to(Engine& engine, const std::string& question) {
  json answer;
  try {
    answer = carry_out(engine, support::parse_json(question, "order"));
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

/// No relative path may mean something else once the working folder is another one.
void leave_working_folder() {
  ::setenv("VMIMAGE_CACHE", support::cache_folder().c_str(), 1);
  fs::current_path("/");
}

}  // namespace

void supervise(const std::string& name) {
  leave_working_folder();
  const SupervisorLock lock(locate(name));
  if (!lock.held())
    return;
  const Place place = make_place(name);
  make_sockets(place);
  driver::LocalDriver driver;
  health::Monitor monitor;
  balancer::HaProxy balancer(place.root);
  const auto wall = [] { return static_cast<std::int64_t>(::time(nullptr)); };
  Engine engine(place, read_state(place), {driver, monitor, balancer, monotonic, wall});
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
    return answer_to(engine, question);
  };
  {
    Server server(place.control());
    while (!support::interrupted() && (waiting() || !(engine.empty() || engine.finished()))) {
      tick(engine, problem);
      server.serve(kTick, answer);
    }
  }
  if (engine.finished())
    balancer.stop();
  if (engine.empty() || (engine.finished() && engine.mode() == Mode::Removing))
    remove_place(place);
}

}  // namespace vmfleet::supervisor
