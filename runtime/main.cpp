// vmfleet: instances of an image behind one address (docs/vmfleet.md).

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "command/command.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace {

int report(const vmimage::support::Error& error) {
  std::fprintf(stderr, "vmfleet: %s\n", error.what());
  if (!error.hint().empty())
    std::fprintf(stderr, "  (%s)\n", error.hint().c_str());
  return error.exit_status();
}

}  // namespace

int main(int argc, char** argv) {
  using vmimage::support::Error;
  vmimage::support::install_interrupt_handler();
  CLI::App app("Runs instances of an image behind one address.", "vmfleet");
  app.set_version_flag("--version", VMIMAGE_VERSION);
  app.require_subcommand(1);
  vmfleet::command::add_up(app);
  vmfleet::command::add_status(app);
  vmfleet::command::add_list(app);
  vmfleet::command::add_scale(app);
  vmfleet::command::add_logs(app);
  vmfleet::command::add_events(app);
  vmfleet::command::add_restart(app);
  vmfleet::command::add_stop(app);
  vmfleet::command::add_start(app);
  vmfleet::command::add_down(app);
  vmfleet::command::add_supervise(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);  // 0 for --help and --version
    return status == 0 ? 0 : 2;
  } catch (const Error& error) {
    return report(error);
  } catch (const std::exception& error) {
    return report(vmimage::support::failure(error.what()));
  }
}
