// vmfleet: instances of an image behind one address (docs/vmfleet.md).

#include <CLI/CLI.hpp>

#include "command/command.hpp"
#include "support/program.hpp"

int main(int argc, char** argv) {
  CLI::App app("Runs instances of an image behind one address.", "vmfleet");
  app.set_version_flag("--version", VMIMAGE_VERSION);
  vmfleet::command::add_up(app);
  vmfleet::command::add_plan(app);
  vmfleet::command::add_status(app);
  vmfleet::command::add_list(app);
  vmfleet::command::add_deploy(app);
  vmfleet::command::add_rollback(app);
  vmfleet::command::add_scale(app);
  vmfleet::command::add_autoscale(app);
  vmfleet::command::add_logs(app);
  vmfleet::command::add_events(app);
  vmfleet::command::add_console(app);
  vmfleet::command::add_dashboard(app);
  vmfleet::command::add_debug(app);
  vmfleet::command::add_install(app);
  vmfleet::command::add_uninstall(app);
  vmfleet::command::add_restart(app);
  vmfleet::command::add_stop(app);
  vmfleet::command::add_start(app);
  vmfleet::command::add_down(app);
  vmfleet::command::add_confine(app);
  vmfleet::command::add_tap(app);
  vmfleet::command::add_supervise(app);
  return vmimage::support::run_program(app, argc, argv);
}
