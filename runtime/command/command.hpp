#pragma once
// A verb of the vmfleet program: one file per verb or family of verbs in this folder, each adding itself to
// the parser.

#include <CLI/CLI.hpp>

namespace vmfleet::command {

// Each adds one subcommand whose callback does the work and throws support::Error.
void add_up(CLI::App& app);
void add_plan(CLI::App& app);
void add_status(CLI::App& app);
void add_list(CLI::App& app);
void add_deploy(CLI::App& app);
void add_rollback(CLI::App& app);
void add_scale(CLI::App& app);
void add_autoscale(CLI::App& app);
void add_logs(CLI::App& app);
void add_events(CLI::App& app);
void add_console(CLI::App& app);
void add_dashboard(CLI::App& app);
void add_debug(CLI::App& app);
void add_install(CLI::App& app);
void add_uninstall(CLI::App& app);
void add_restart(CLI::App& app);
void add_stop(CLI::App& app);
void add_start(CLI::App& app);
void add_down(CLI::App& app);
void add_confine(CLI::App& app);    ///< not shown: how it starts machines
void add_tap(CLI::App& app);        ///< the same for those on a bridge
void add_supervise(CLI::App& app);  ///< not shown: how the program starts itself in the background

}  // namespace vmfleet::command
