// vmimage: a recipe becomes a bootable disk image (docs/vmimage.md).

#include <CLI/CLI.hpp>

#include "command/command.hpp"
#include "support/program.hpp"

int main(int argc, char** argv) {
  CLI::App app("Turns a service into a virtual machine image.", "vmimage");
  app.set_version_flag("--version", VMIMAGE_VERSION);
  vmimage::command::add_build(app);
  vmimage::command::add_boot(app);
  vmimage::command::add_inspect(app);
  vmimage::command::add_ls(app);
  vmimage::command::add_cat(app);
  vmimage::command::add_cp(app);
  vmimage::command::add_diff(app);
  vmimage::command::add_base(app);
  vmimage::command::add_outdated(app);
  vmimage::command::add_cache(app);
  vmimage::command::add_convert(app);
  vmimage::command::add_publish(app);
  vmimage::command::add_published(app);
  vmimage::command::add_unpublish(app);
  vmimage::command::add_provision_inside(app);
  return vmimage::support::run_program(app, argc, argv);
}
