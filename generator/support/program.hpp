#pragma once
// What main() of both programs does: the only place that prints errors and chooses the exit status.

namespace CLI {
class App;
}

namespace vmimage::support {

/// Parses the command line, runs the subcommand, and tells what went wrong on standard error. Returns the
/// exit status (docs/vmimage.md, "Exit status").
int run_program(CLI::App& app, int argc, char** argv);

}  // namespace vmimage::support
