// vmfleet autoscale: the load of a fleet changes its number of instances.

#include <fmt/format.h>

#include <memory>

#include "command/fleet.hpp"
#include "fleet/rules.hpp"
#include "support/error.hpp"

namespace vmfleet::command {

namespace support = vmimage::support;

namespace {

struct Options {
  std::string fleet;
  std::optional<int> least;
  std::optional<int> most;
  std::vector<std::string> targets;
  std::optional<int> cooldown;
  bool off = false;
};

/// What the command line does not name stays as it is.
fleet::Autoscale wanted_by(const Options& options, const std::optional<fleet::Autoscale>& present) {
  support::json document = present ? fleet::to_json(*present) : support::json::object();
  if (options.least)
    document["min"] = *options.least;
  if (options.most)
    document["max"] = *options.most;
  if (options.cooldown)
    document["cooldown"] = *options.cooldown;
  if (!options.targets.empty())
    document["target"] = support::json::object();
  for (const auto& text : options.targets) {
    const auto target = fleet::parse_target(text);
    document["target"][fleet::to_string(target.metric)] = static_cast<std::int64_t>(target.value);
  }
  return fleet::read_autoscale(support::Fields(document, "the command line"));
}

void show(const std::optional<fleet::Autoscale>& autoscale) {
  if (autoscale)
    fmt::print("{}\n", fleet::to_json(*autoscale).dump(2));
  else
    fmt::print(stderr, "vmfleet: the load does not change the count; give --min, --max and --target\n");
}

void autoscale(const Options& options) {
  const auto fleet = choose_fleet(options.fleet);
  const auto present = fleet->spec().value().autoscale;
  const bool asked = options.least || options.most || options.cooldown || !options.targets.empty();
  if (options.off && asked)
    throw support::invalid("--off goes with none of the others", "give either");
  if (!options.off && !asked) {
    show(present);
    return;
  }
  choose_running_fleet(fleet->name())
      ->autoscale(options.off ? std::nullopt : std::optional(wanted_by(options, present)));
}

}  // namespace

void add_autoscale(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("autoscale", "Lets the load change the number of instances");
  add_fleet_argument(*command, options->fleet);
  command->add_option("--min", options->least, "Never fewer")->type_name("N");
  command->add_option("--max", options->most, "Never more")->type_name("N");
  command
      ->add_option("--target", options->targets,
                   "Kept near this: cpu=PERCENT, requests=PER SECOND AND INSTANCE or response=MILLISECONDS "
                   "(repeatable: the one that asks for most counts)")
      ->type_name("METRIC=VALUE")
      ->take_all()
      ->expected(1);
  command->add_option("--cooldown", options->cooldown, "After a change, before there are fewer (300)")
      ->type_name("SECONDS");
  command->add_flag("--off", options->off, "The count stays as it is now");
  command->callback([options] { autoscale(*options); });
}

}  // namespace vmfleet::command
