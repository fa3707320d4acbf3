// vmfleet debug: an instance is set aside for a look, and another one takes its place.

#include <fmt/format.h>

#include <memory>

#include "command/fleet.hpp"

namespace vmfleet::command {

namespace {

struct Options {
  std::vector<std::string> words;
  bool end = false;
};

void debug(const Options& options) {
  const auto [fleet, instance] = choose_instance(options.words);
  fleet->debug(instance.id, options.end);
  if (!options.end)
    fmt::print("{}\n", instance.address);
}

}  // namespace

void add_debug(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "debug", "Sets an instance aside: no requests, replaced, kept for a look; prints its address");
  add_instance_argument(*command, options->words);
  command->add_flag("--end", options->end, "It has been looked at: powers it off");
  command->callback([options] { debug(*options); });
}

}  // namespace vmfleet::command
