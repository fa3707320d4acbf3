// vmfleet install and uninstall: a fleet that starts with the machine, by systemd.

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "command/fleet.hpp"
#include "fleet/spec.hpp"
#include "service/manager.hpp"
#include "supervisor/client.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::command {

namespace fs = std::filesystem;
namespace support = vmimage::support;
using service::Manager;

namespace {

struct Options {
  std::string fleet;
  bool system = false;
  bool print = false;
};

/// The machine's services have neither a home nor a runtime folder, and none has what a shell has set.
service::Unit unit_of(const supervisor::Place& place, Manager manager) {
  service::Unit unit{.fleet = place.name,
                     .manager = manager,
                     .program = fs::read_symlink("/proc/self/exe"),
                     .state = place.state(),
                     .environment = {{"XDG_STATE_HOME", supervisor::fleets_folder().parent_path()},
                                     {"VMIMAGE_CACHE", support::cache_folder()}}};
  if (manager == Manager::System)
    unit.environment["XDG_RUNTIME_DIR"] = "/run";
  if (const char* accelerator = std::getenv("VMIMAGE_ACCEL"))
    unit.environment["VMIMAGE_ACCEL"] = accelerator;
  return unit;
}

void install(const Options& options) {
  const auto place = place_of(*choose_fleet(options.fleet), "service on this machine");
  const Manager manager = options.system ? Manager::System : Manager::User;
  const auto unit = unit_of(place, manager);
  if (options.print) {
    fmt::print("{}", service::to_text(unit));
    return;
  }
  if (options.system && ::geteuid() != 0)
    throw support::invalid("only root can install a service of the machine",
                           "leave --system out: then it is one of yours");
  const Manager other = options.system ? Manager::User : Manager::System;
  if (fs::exists(service::unit_file(other, place.name)))
    throw support::invalid(
        fmt::format("'{}' looks after the fleet already", service::unit_file(other, place.name).string()),
        fmt::format("'vmfleet uninstall {}' removes it", place.name));
  service::install(unit);
  fmt::print("{}\n", service::unit_file(manager, place.name).string());
  if (!options.system && !service::lingers())
    fmt::print(
        stderr,
        "vmfleet: it starts when you log in; 'loginctl enable-linger' has it start with the machine\n");
}

void uninstall(const std::string& name) {
  const std::string fleet = name.empty() ? choose_fleet("")->name() : name;
  fleet::check_name(fleet);
  const bool user = service::uninstall(Manager::User, fleet);
  const bool system = service::uninstall(Manager::System, fleet);
  if (!user && !system)
    throw support::invalid(fmt::format("the fleet '{}' is not installed as a service", fleet));
  const auto place = supervisor::locate(fleet);
  if (fs::exists(place.state()) && !supervisor::stopped_status(place))
    supervisor::Client(place).status();  // another supervisor looks after what runs
}

}  // namespace

void add_install(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("install", "Has systemd start the fleet with the machine, and look after it");
  add_fleet_argument(*command, options->fleet);
  command->add_flag("--system", options->system, "As a service of the machine; for root");
  command->add_flag("--print", options->print, "Prints the unit, and writes nothing");
  command->callback([options] { install(*options); });
}

void add_uninstall(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("uninstall", "Undoes 'install'; the fleet goes on");
  add_fleet_argument(*command, *name);
  command->callback([name] { uninstall(*name); });
}

}  // namespace vmfleet::command
