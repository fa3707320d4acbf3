#pragma once
// A verb of the vmimage program: one file per verb in this folder, each adding itself to the parser.

#include <CLI/CLI.hpp>

namespace vmimage::command {

// Each adds one subcommand whose callback does the work and throws support::Error.
void add_build(CLI::App& app);
void add_boot(CLI::App& app);
void add_inspect(CLI::App& app);
void add_ls(CLI::App& app);
void add_cat(CLI::App& app);
void add_cp(CLI::App& app);
void add_diff(CLI::App& app);
void add_cache(CLI::App& app);
void add_base(CLI::App& app);
void add_outdated(CLI::App& app);
void add_convert(CLI::App& app);
void add_publish(CLI::App& app);
void add_published(CLI::App& app);
void add_unpublish(CLI::App& app);
void add_provision_inside(CLI::App& app);  ///< not for people

}  // namespace vmimage::command
