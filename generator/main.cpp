// vmimage: a recipe becomes a bootable disk image (docs/vmimage.md).

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "command/command.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace {

int report(const vmimage::support::Error& error) {
  std::fprintf(stderr, "vmimage: %s\n", error.what());
  if (!error.hint().empty())
    std::fprintf(stderr, "  (%s)\n", error.hint().c_str());
  return error.exit_status();
}

}  // namespace

int main(int argc, char** argv) {
  using vmimage::support::Error;
  vmimage::support::install_interrupt_handler();
  CLI::App app("Turns a service into a virtual machine image.", "vmimage");
  app.set_version_flag("--version", VMIMAGE_VERSION);
  app.require_subcommand(1);
  vmimage::command::add_build(app);
  vmimage::command::add_boot(app);
  vmimage::command::add_inspect(app);
  vmimage::command::add_base(app);
  vmimage::command::add_cache(app);
  vmimage::command::add_convert(app);
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
