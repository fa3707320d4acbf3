// vmfleet tap: how a machine on a bridge is started (driver/local/bridge.hpp); for vmfleet itself.

#include <memory>

#include "command/command.hpp"
#include "driver/local/bridge.hpp"

namespace vmfleet::command {

void add_tap(CLI::App& app) {
  struct Options {
    std::string bridge;
    std::vector<std::string> argv;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand(driver::kTapCommand, "Starts a program with a tap on a bridge")->group("");
  command->add_option("bridge", options->bridge)->required();
  command->add_option("argv", options->argv)->required();
  command->callback([options] { driver::run_with_tap(options->bridge, options->argv); });
}

}  // namespace vmfleet::command
