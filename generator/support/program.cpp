#include "support/program.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "support/error.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmimage::support {

namespace {

int report(const CLI::App& app, const Error& error) {
  std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), error.what());
  if (!error.hint().empty())
    std::fprintf(stderr, "  (%s)\n", error.hint().c_str());
  return error.exit_status();
}

/// What is wrong with the words of the command line; the parser does not name a command that it does not
/// know.
Error wrong_use(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  std::string line = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    line += " " + command->get_name();
  }
  const auto words = command->remaining();
  if (dynamic_cast<const CLI::RequiredError*>(&error) == nullptr ||
      command->get_require_subcommand_min() == 0 || words.empty() || words.front().starts_with('-'))
    return invalid(error.what(), "see '" + line + " --help'");
  std::vector<std::string> known;
  for (const CLI::App* one : command->get_subcommands(nullptr))
    if (!one->get_group().empty())  // no group: not for people
      known.push_back(one->get_name());
  return invalid("unknown command '" + words.front() + "'",
                 did_you_mean(words.front(), known, "see '" + line + " --help'"));
}

}  // namespace

Error as_error(const std::exception& exception) {
  if (const auto* ours = dynamic_cast<const Error*>(&exception))
    return *ours;
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&exception))
    return failure("failed to use '" + file->path1().string() + "': " + file->code().message());
  return failure(exception.what());
}

int run_program(CLI::App& app, int argc, char** argv) {
  install_interrupt_handler();
  app.require_subcommand(1);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0)  // --help and --version
      return app.exit(error);
    if (dynamic_cast<const CLI::RuntimeError*>(&error))  // a command's own answer, which it has printed
      return error.get_exit_code();
    return report(app, wrong_use(app, error));
  } catch (const std::exception& error) {
    return report(app, as_error(error));
  }
}

}  // namespace vmimage::support
