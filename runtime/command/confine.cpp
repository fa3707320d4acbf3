// vmfleet confine: how a machine's process is started (driver/local/confine.hpp); for vmfleet itself.

#include "driver/local/confine.hpp"

#include <memory>

#include "command/command.hpp"

namespace vmfleet::command {

void add_confine(CLI::App& app) {
  struct Options {
    driver::Confinement confinement;
    std::vector<std::string> argv;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand(driver::kConfineCommand, "Starts a program with a part of this machine")->group("");
  command->add_option("--read", options->confinement.read)->take_all()->expected(1)->allow_extra_args(false);
  command->add_option("--write", options->confinement.write)
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_option("--user", options->confinement.user);
  command->add_option("argv", options->argv)->required();
  command->callback([options] { driver::confine(options->argv, options->confinement); });
}

}  // namespace vmfleet::command
