// vmimage base: what images are made on, and the pins of its packages.

#include "base/base.hpp"

#include <fmt/format.h>

#include <memory>

#include "base/pinning.hpp"
#include "command/command.hpp"
#include "command/outdated.hpp"
#include "command/print.hpp"
#include "command/user_cache.hpp"
#include "image/build.hpp"
#include "image/resolve.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/progress.hpp"

namespace vmimage::command {

namespace fs = std::filesystem;

namespace {

struct Kind {
  const char* name;
  const char* description;
};
constexpr Kind kKinds[] = {
    {"debian:<suite>", "Debian with systemd, like debian:bookworm"},
    {"ubuntu:<suite>", "Ubuntu with systemd, where an archive of it is configured or given (--mirror)"},
    {"minimal", "kernel, busybox as init, and the service with its shared libraries"},
    {"file:<path>", "a disk image or a root file system as a tar archive, with systemd in it"},
};

void list(bool json) {
  support::json kinds = support::json::array();
  for (const auto& kind : kKinds)
    kinds.push_back({{"name", kind.name}, {"description", kind.description}});
  if (json)
    return print_json({{"version", 1}, {"bases", kinds}});
  for (const auto& kind : kKinds)
    fmt::print("{:<15} {}\n", kind.name, kind.description);
}

struct Options {
  std::string what;  ///< a base's name, or a lock
  std::optional<std::string> mirror;
  std::string kernel = "cloud";
  std::vector<std::string> packages;
  std::optional<fs::path> recipe;
  std::vector<fs::path> trees;
  std::optional<fs::path> output;
  bool json = false;
  bool no_changelog = false;
};

void build(const std::string& name, const std::optional<std::string>& mirror) {
  std::string digest;
  {
    support::Progress progress(support::Progress::detect());
    const base::Progress report = progress.report();
    const cache::Cache cache = open_cache();
    digest = cache.mending([&](const cache::Cache& checked) {
      const base::Base base = base::open_base(checked, name, {}, {.mirror = mirror, .lock = nullptr}, report);
      image::base_disk(checked, base, base.default_disk, report);
      return base.digest;
    });
    keep_bound(cache);
  }
  fmt::print("{} sha256:{}\n", name, digest);
}

std::string counted(const recipe::Lock& lock) {
  return fmt::format("{} packages", recipe::all_pins(lock).size());
}

/// Locks what the command line names, or all that a recipe needs.
void lock(Options options) {
  const cache::Cache cache;
  if (options.recipe) {
    if (!options.what.empty() || !options.packages.empty())
      throw support::invalid("a recipe says itself what its base and its packages are",
                             "name either a base with --packages, or --recipe");
    recipe::Recipe recipe =
        recipe::parse_recipe(support::read_file(*options.recipe), options.recipe->string(),
                             fs::absolute(*options.recipe).parent_path());
    if (!options.trees.empty())
      recipe.trees = options.trees;
    options.what = recipe.base;
    options.kernel = recipe.kernel;
    options.packages = image::needed_packages(cache, recipe);
    if (!options.mirror)
      options.mirror = recipe.mirror;
    if (!options.output)
      options.output = recipe.lock;
  }
  if (options.what.empty())
    throw support::invalid("what to lock is missing", "name a base, like debian:bookworm, or --recipe FILE");
  const recipe::Lock lock = base::make_lock(cache, options.what, options.packages, options.mirror,
                                            base::View::Build, options.kernel);
  const std::string text = recipe::to_json(lock);
  if (!options.output || *options.output == "-") {
    fmt::print("{}", text);
    return;
  }
  support::write_file_atomic(*options.output, text);
  fmt::print("{}: {}, {}\n", options.output->string(), counted(lock), recipe::lock_digest(lock));
}

void print_moves(const std::vector<recipe::Move>& moves) {
  for (const auto& move : moves)
    fmt::print("{:<9} {} {} -> {}\n", move.security ? "security" : "", move.name,
               move.from.empty() ? "(new)" : move.from, move.to.empty() ? "(gone)" : move.to);
  if (moves.empty())
    fmt::print("nothing newer\n");
}

/// The kernel that a lock has, as a recipe calls it.
std::string kernel_of(const recipe::Lock& lock) {
  const bool cloud =
      std::any_of(lock.boot_packages.begin(), lock.boot_packages.end(), [](const recipe::Pin& pin) {
        return pin.name == "linux-image-cloud-amd64" || pin.name == "linux-image-virtual";
      });
  return cloud ? "cloud" : "generic";
}

/// Moves a lock to what the archives have now; or, for a base, what this machine builds it from.
void update(const Options& options) {
  const cache::Cache cache;
  recipe::Lock before, after;
  const bool is_lock = is_file(options.what);
  {
    support::Progress progress(support::Progress::detect());
    before = is_lock ? image::read_lock(options.what)
                     : base::make_lock(cache, options.what, {}, options.mirror, base::View::Build);
    const base::View view = is_lock ? base::View::News : base::View::Build;
    progress.step("looking at the archives of " + before.base);
    base::Index(cache, base::suite_of(before.base), options.mirror, view).refresh();
    after = base::make_lock(cache, before.base, before.requested, options.mirror, view, kernel_of(before));
  }
  if (is_lock)
    support::write_file_atomic(options.what, recipe::to_json(after));
  print_moves(recipe::moves(recipe::all_pins(before), recipe::all_pins(after)));
}

void outdated(const Options& options) {
  const recipe::Lock lock = is_file(options.what) ? image::read_lock(options.what)
                                                  : base::make_lock(cache::Cache(), options.what, {},
                                                                    options.mirror, base::View::Build);
  std::vector<recipe::Package> packages;
  for (const auto& pin : recipe::all_pins(lock))
    packages.push_back({pin.name, pin.version, pin.architecture, ""});
  report_outdated(packages, lock.base, options.mirror,
                  options.json ? OutdatedFormat::Json : OutdatedFormat::Lines,
                  options.no_changelog ? base::Changelogs::No : base::Changelogs::Yes);
}

CLI::App* add(CLI::App* base, const char* name, const char* help, const std::shared_ptr<Options>& options) {
  CLI::App* command = base->add_subcommand(name, help);
  command->add_option("--mirror", options->mirror, "Package mirror (default: the one this machine uses)")
      ->type_name("URL");
  return command;
}

}  // namespace

bool is_file(const std::string& what) {
  return fs::exists(what) || what.find('/') != std::string::npos || what.ends_with(".json");
}

void add_base(CLI::App& app) {
  CLI::App* base = app.add_subcommand("base", "What images are made on");
  base->require_subcommand(1);
  CLI::App* kinds = base->add_subcommand("list", "Lists the kinds of base");
  auto json = std::make_shared<bool>(false);
  kinds->add_flag("--json", *json, "For programs");
  kinds->callback([json] { list(*json); });
  auto options = std::make_shared<Options>();
  CLI::App* make = add(base, "build", "Makes a base and keeps it in the cache", options);
  make->add_option("base", options->what, "Its name")->required()->type_name("BASE");
  make->callback([options] { build(options->what, options->mirror); });

  CLI::App* pin = add(base, "lock", "Pins the exact packages of a base, or of a recipe", options);
  pin->add_option("base", options->what, "The base's name")->type_name("BASE");
  pin->add_option("--packages", options->packages, "Packages to pin besides the base's own")
      ->type_name("NAME...");
  pin->add_option("--recipe", options->recipe, "Pin all that this recipe needs")->type_name("RECIPE");
  pin->add_option("--tree", options->trees, "Install tree to use instead of the recipe's (repeatable)")
      ->type_name("DIR")
      ->take_all();
  pin->add_option("-o,--output", options->output,
                  "The lock to write (default: the recipe's, or standard output)")
      ->type_name("FILE");
  pin->callback([options] { lock(*options); });

  CLI::App* move = add(base, "update", "Moves a lock, or a base, to what the archives have now", options);
  move->add_option("lock", options->what, "A lock, or a base's name")->required()->type_name("LOCK|BASE");
  move->callback([options] { update(*options); });

  CLI::App* news = add(base, "outdated", "Lists packages that have newer versions", options);
  news->add_option("lock", options->what, "A lock, or a base's name")->required()->type_name("LOCK|BASE");
  news->add_flag("--json", options->json, "As JSON");
  news->add_flag("--no-changelog", options->no_changelog, "Without what changed, which has to be downloaded");
  news->callback([options] { outdated(*options); });
}

}  // namespace vmimage::command
