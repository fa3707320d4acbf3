// vmimage provision-inside: not for people; vmimage starts itself with it to work in a root file system.

#include <iostream>
#include <iterator>

#include "command/command.hpp"
#include "provision/inside.hpp"
#include "provision/sandbox.hpp"

namespace vmimage::command {

void add_provision_inside(CLI::App& app) {
  app.add_subcommand(provision::kInsideCommand, "")->group("")->callback([] {
    provision::carry_out({std::istreambuf_iterator<char>(std::cin), {}});
  });
}

}  // namespace vmimage::command
