// vmfleet dashboard: where a fleet's dashboard is.

#include <fmt/format.h>

#include <memory>

#include "command/fleet.hpp"
#include "support/error.hpp"

namespace vmfleet::command {

namespace {

void dashboard(const std::string& name) {
  const auto status = choose_running_fleet(name)->status();
  if (status.dashboard.empty())
    throw vmimage::support::failure(
        fmt::format("the dashboard of '{}' found no free port on 127.0.0.1", status.name));
  fmt::print("{}\n", status.dashboard);
}

}  // namespace

void add_dashboard(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("dashboard", "Prints the address of the fleet's dashboard");
  add_fleet_argument(*command, *name);
  command->callback([name] { dashboard(*name); });
}

}  // namespace vmfleet::command
