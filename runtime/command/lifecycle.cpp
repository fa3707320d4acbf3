// vmfleet scale, restart, stop, start, down: the rest of a fleet's life; and supervise, which is how it
// lives.

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "command/fleet.hpp"
#include "command/system.hpp"
#include "fleet/spec.hpp"
#include "service/manager.hpp"
#include "supervisor/client.hpp"
#include "supervisor/supervisor.hpp"
#include "support/error.hpp"

namespace vmfleet::command {

namespace support = vmimage::support;

namespace {

struct Options {
  std::string fleet;
  int timeout = kDefaultTimeout;
};

int parse_count(const std::string& text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  const int count = digits && text.size() <= 6 ? std::stoi(text) : -1;
  if (count < 0 || count > fleet::kMaximumCount)
    throw support::invalid(fmt::format("'{}' is no number of instances", text),
                           fmt::format("give 0 to {}", fleet::kMaximumCount));
  return count;
}

void scale(const std::vector<std::string>& words, int timeout) {
  const int count = parse_count(words.back());
  const auto fleet = choose_running_fleet(words.size() == 2 ? words.front() : "");
  const auto change = fleet->scale(count);
  wait_until_settled(*fleet, std::chrono::seconds(timeout), change.rollout);
}

void restart(const Options& options) {
  const auto fleet = choose_running_fleet(options.fleet);
  const auto change = fleet->restart();
  wait_until_settled(*fleet, std::chrono::seconds(options.timeout), change.rollout);
}

void start(const Options& options) {
  const auto fleet = choose_fleet(options.fleet);
  const auto change = fleet->start();
  wait_until_settled(*fleet, std::chrono::seconds(options.timeout), change.rollout);
}

void stop(const Options& options) {
  choose_fleet(options.fleet)->stop();
}

struct DownOptions {
  std::string fleet;
  bool volumes = false;
};

/// The fleet of this name that there is, or that has left volumes; nullptr: neither.
OneFleet known_fleet(const std::string& name, bool or_volumes) {
  for (const auto& driver : driver::drivers()) {
    auto names = driver->fleets();
    if (or_volumes)
      for (const auto& status : driver->gone())
        names.push_back(status.name);
    if (std::find(names.begin(), names.end(), name) != names.end())
      return driver->fleet(name);
  }
  return nullptr;
}

void down_one(const DownOptions& options) {
  auto fleet = known_fleet(options.fleet, options.volumes);
  if (!fleet)
    fleet = choose_fleet(options.fleet);
  fleet->down(options.volumes ? driver::Volumes::Remove : driver::Volumes::Keep);
  if (const auto kept = fleet->volumes(); !kept.empty())
    fmt::print(
        stderr,
        "vmfleet: the volumes of '{0}' are kept in {1}: 'vmfleet up' takes them again, 'vmfleet down {0} "
        "--volumes' removes them\n",
        fleet->name(), kept);
}

/// A fleet by its name; or those that a folder or a file describes, of which some may be gone already.
void down(const DownOptions& options) {
  std::error_code problem;
  const bool is_file = !known_fleet(options.fleet, true) && std::filesystem::exists(options.fleet, problem);
  const auto described = is_file ? described_fleets(options.fleet) : std::nullopt;
  if (!described)
    return down_one(options);
  for (const auto& name : *described)
    if (known_fleet(name, options.volumes))
      down_one({name, options.volumes});
}

using Verb = void (*)(const Options&);

CLI::App* add(CLI::App& app, const std::string& name, const std::string& description, Verb verb,
              bool waits_for_health) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(name, description);
  add_fleet_argument(*command, options->fleet);
  if (waits_for_health)
    add_timeout_option(*command, options->timeout);
  command->callback([options, verb] { verb(*options); });
  return command;
}

}  // namespace

void add_scale(CLI::App& app) {
  struct ScaleOptions {
    std::vector<std::string> words;
    int timeout = kDefaultTimeout;
  };
  auto options = std::make_shared<ScaleOptions>();
  CLI::App* command = app.add_subcommand("scale", "Changes the number of instances");
  command
      ->add_option("fleet", options->words,
                   "The fleet (may be left out when there is only one) and the number")
      ->required()
      ->expected(1, 2)
      ->type_name("[FLEET] N");
  add_timeout_option(*command, options->timeout);
  command->callback([options] { scale(options->words, options->timeout); });
}

void add_restart(CLI::App& app) {
  add(app, "restart", "Replaces all instances, one after the other", restart, true);
}

void add_stop(CLI::App& app) {
  add(app, "stop", "Powers all instances off; 'start' goes on", stop, false);
}

void add_start(CLI::App& app) {
  add(app, "start", "Starts a stopped fleet", start, true);
}

void add_down(CLI::App& app) {
  auto options = std::make_shared<DownOptions>();
  CLI::App* command = app.add_subcommand("down", "Powers all instances off and removes the fleet");
  command
      ->add_option(
          "fleet", options->fleet,
          "The fleet (may be left out when there is only one), or a spec or folder that describes some")
      ->type_name("FLEET|SPEC");
  command->add_flag("--volumes", options->volumes, "And its volumes, with all the data on them");
  command->callback([options] { down(*options); });
}

namespace {

struct SuperviseOptions {
  std::string fleet;
  bool replace = false;
  std::string at_shutdown;
};

/// What systemd calls when it stops the fleet's service, for whatever reason.
void power_off_at_shutdown(const SuperviseOptions& options) {
  const bool system = options.at_shutdown == "system";
  const auto place = supervisor::locate(options.fleet);
  const bool runs = std::filesystem::exists(place.state()) && !supervisor::stopped_status(place);
  if (runs && service::is_shutting_down(system ? service::Manager::System : service::Manager::User))
    supervisor::Client(place).end("halt");
}

}  // namespace

void add_supervise(CLI::App& app) {
  auto options = std::make_shared<SuperviseOptions>();
  CLI::App* command = app.add_subcommand("supervise", "Looks after a fleet")->group("");
  command->add_option("fleet", options->fleet)->required();
  command->add_flag("--replace", options->replace, "Takes the place of who does so now");
  command->add_option("--at-shutdown", options->at_shutdown, "Powers it off when the machine is shut down")
      ->check(CLI::IsMember({"user", "system"}));
  command->callback([options] {
    if (!options->at_shutdown.empty())
      power_off_at_shutdown(*options);
    else
      supervisor::supervise(options->fleet,
                            options->replace ? supervisor::Other::Replace : supervisor::Other::Leave);
  });
}

}  // namespace vmfleet::command
