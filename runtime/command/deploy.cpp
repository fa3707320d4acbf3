// vmfleet deploy and rollback: a fleet gets another image, or the one before again, while its address goes on
// answering.

#include <fmt/format.h>

#include <memory>

#include "command/change.hpp"
#include "fleet/rules.hpp"
#include "inspect/image.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::command {

namespace fs = std::filesystem;
namespace support = vmimage::support;

namespace {

struct Options {
  std::vector<std::string> words;                   ///< [FLEET] IMAGE
  support::json rollout = support::json::object();  ///< what the command line says of it, as in a spec
  std::optional<int> timeout;
};

std::optional<std::chrono::seconds> limit_of(const std::optional<int>& seconds) {
  return seconds ? std::optional(std::chrono::seconds(*seconds)) : std::nullopt;
}

void deploy(const Options& options) {
  const auto fleet = choose_running_fleet(options.words.size() == 2 ? options.words.front() : "");
  const fs::path image = fs::absolute(vmimage::inspect::image_of(options.words.back()));
  driver::Wanted wanted{fleet->spec().value(), vmimage::inspect::load_manifest(image)};
  wanted.spec.image = image.lexically_normal();
  wanted.rollout =
      fleet::read_rollout(support::Fields(options.rollout, "the command line"), wanted.spec.rollout);
  print_address(change_fleet(*fleet, wanted, limit_of(options.timeout)));
}

void rollback(const std::string& name, const std::optional<int>& timeout) {
  const auto fleet = choose_running_fleet(name);
  const auto change = fleet->roll_back();
  fmt::print("{}\n", wait_until_settled(*fleet, limit_of(timeout), change.rollout).image);
}

void add_time_limit(CLI::App& command, std::optional<int>& seconds) {
  command
      .add_option("--timeout", seconds,
                  "How long to wait, before it is taken back (default: as long as it takes)")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 86400));
}

/// An option that is a key of the spec's `rollout`.
void add_rule(CLI::App& command, const std::shared_ptr<Options>& options, const std::string& name,
              const std::string& type, const std::string& description) {
  std::string key = name.substr(2);
  std::replace(key.begin(), key.end(), '-', '_');
  command
      .add_option_function<std::string>(
          name,
          [options, key](const std::string& value) {
            const bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
            options->rollout[key] =
                number && value.size() < 10 ? support::json(std::stoi(value)) : support::json(value);
          },
          description)
      ->type_name(type);
}

}  // namespace

void add_deploy(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("deploy", "Gives a fleet another image, with no failed request");
  command
      ->add_option("fleet", options->words,
                   "The fleet (may be left out when there is only one) and the image")
      ->required()
      ->expected(1, 2)
      ->type_name("[FLEET] IMAGE");
  add_rule(*command, options, "--strategy", "STRATEGY", "rolling, blue-green, canary or all-at-once");
  add_rule(*command, options, "--batch", "N|P%", "rolling: new instances on their way at once (1)");
  add_rule(*command, options, "--surge", "N|P%", "rolling: instances above the count (1)");
  add_rule(*command, options, "--min-healthy", "N|P%", "rolling: of the count, that stay healthy (100%)");
  add_rule(*command, options, "--canary", "N|P%", "canary: new instances that are tried first (1)");
  add_rule(*command, options, "--bake", "SECONDS", "canary: how long they are tried (60)");
  add_rule(*command, options, "--max-errors", "PERCENT", "canary: errors among their answers (1)");
  add_rule(*command, options, "--keep-old", "SECONDS", "blue-green: old ones are kept to go back to (300)");
  add_rule(*command, options, "--limit", "SECONDS",
           "with no further healthy instance for so long, it is rolled back (300)");
  add_time_limit(*command, options->timeout);
  command->callback([options] { deploy(*options); });
}

void add_rollback(CLI::App& app) {
  struct RollbackOptions {
    std::string fleet;
    std::optional<int> timeout;
  };
  auto options = std::make_shared<RollbackOptions>();
  CLI::App* command = app.add_subcommand("rollback", "Goes back to the image and settings before these");
  add_fleet_argument(*command, options->fleet);
  add_time_limit(*command, options->timeout);
  command->callback([options] { rollback(options->fleet, options->timeout); });
}

}  // namespace vmfleet::command
