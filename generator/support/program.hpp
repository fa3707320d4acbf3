#pragma once
// What main() of both programs does: the only place that prints errors and chooses the exit status.

#include <exception>

#include "support/error.hpp"

namespace CLI {
class App;
}

namespace vmimage::support {

/// Parses the command line, runs the subcommand, and tells what went wrong on standard error. Returns the
/// exit status (docs/vmimage.md, "Exit status").
int run_program(CLI::App& app, int argc, char** argv);

/// What an exception means to the caller: an Error is told as it is, one of the standard library's file
/// system as "failed to use '<path>': <cause>", any other as a failure with its text.
Error as_error(const std::exception& exception);

}  // namespace vmimage::support
