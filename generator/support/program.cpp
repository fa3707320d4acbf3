#include "support/program.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::support {

namespace {

int report(const CLI::App& app, const Error& error) {
  std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), error.what());
  if (!error.hint().empty())
    std::fprintf(stderr, "  (%s)\n", error.hint().c_str());
  return error.exit_status();
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
    const int status = app.exit(error);  // 0 for --help and --version
    return status == 0 ? 0 : static_cast<int>(ErrorKind::Usage);
  } catch (const std::exception& error) {
    return report(app, as_error(error));
  }
}

}  // namespace vmimage::support
