#include "support/program.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

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

int run_program(CLI::App& app, int argc, char** argv) {
  install_interrupt_handler();
  app.require_subcommand(1);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);  // 0 for --help and --version
    return status == 0 ? 0 : static_cast<int>(ErrorKind::Usage);
  } catch (const Error& error) {
    return report(app, error);
  } catch (const std::exception& error) {
    return report(app, failure(error.what()));
  }
}

}  // namespace vmimage::support
