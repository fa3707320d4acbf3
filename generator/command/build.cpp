// vmimage build: a recipe becomes an image.

#include "image/build.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "base/package_files.hpp"
#include "command/command.hpp"
#include "command/print.hpp"
#include "command/user_cache.hpp"
#include "recipe/overrides.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/progress.hpp"

namespace vmimage::command {

namespace fs = std::filesystem;

namespace {

struct Options {
  fs::path recipe;
  fs::path output;
  std::string stem;
  std::vector<fs::path> trees;
  std::optional<fs::path> lock;
  std::optional<std::string> base;
  std::vector<fs::path> packages;
  bool debug_shell = false;
  bool json = false;
  bool quiet = false;
};

void print(const image::Built& built, const Options& options) {
  if (options.json) {
    support::json files = support::json::array();
    for (const auto& file : built.files)
      files.push_back({{"path", file.string()}, {"size", fs::file_size(file)}});
    print_json({{"version", 1},
                {"name", built.manifest.name},
                {"image_version", built.manifest.version},
                {"digest", built.manifest.digest},
                {"manifest", built.files.back().string()},
                {"files", files}});
  } else if (!options.quiet) {
    for (const auto& file : built.files)
      fmt::print("{}\n", file.string());
  }
}

/// The recipe's text; without a recipe, one for the first package.
std::string recipe_text(const Options& options) {
  if (options.recipe.empty()) {
    if (options.packages.empty())
      throw support::invalid(
          "what to build is missing",
          "name a recipe (docs/recipe.md), or a package that is the service: --package FILE.deb");
    const base::PackageFile service = base::read_package_files({options.packages[0]})[0];
    return recipe::recipe_of_package(service.name, service.version);
  }
  if (!fs::is_regular_file(options.recipe))
    throw support::invalid(
        fmt::format("failed to read the recipe '{}': no such file", options.recipe.string()),
        "docs/recipe.md says what a recipe is");
  return support::read_file(options.recipe);
}

recipe::Recipe read_recipe(const Options& options) {
  const std::string where = options.recipe.empty() ? "--package" : options.recipe.string();
  std::string text = recipe_text(options);
  recipe::Overrides overrides;
  if (options.base)
    overrides.base = recipe::absolute_base(*options.base, fs::current_path());
  for (const auto& package : options.packages)
    overrides.package_files.push_back(fs::absolute(package));
  if (overrides.base || !overrides.package_files.empty())
    text = recipe::with_overrides(text, where, overrides);
  return recipe::parse_recipe(
      text, where, options.recipe.empty() ? fs::current_path() : fs::absolute(options.recipe).parent_path());
}

void build(const Options& options) {
  recipe::Recipe recipe = read_recipe(options);
  if (!options.trees.empty())
    recipe.trees = options.trees;
  if (options.lock)
    recipe.lock = fs::absolute(*options.lock);
  const std::string stem = options.stem.empty() ? recipe.name : options.stem;
  if (stem.find('/') != std::string::npos)
    throw support::invalid(fmt::format("'{}' is no file name", stem),
                           "--stem takes a name, --output a folder");
  const fs::path manifest = options.output / (stem + ".json");
  if (!options.recipe.empty() && fs::exists(manifest) && fs::equivalent(manifest, options.recipe))
    throw support::invalid(fmt::format("the manifest would replace the recipe '{}'", options.recipe.string()),
                           "give another folder with --output, or another name with --stem");
  image::Built built;
  const cache::Cache cache = open_cache();
  {
    support::Progress progress(options.quiet ? support::Progress::Mode::Quiet : support::Progress::detect());
    built =
        image::build_image(recipe, options.output, stem, cache, progress.report(),
                           options.debug_shell ? provision::OnFailure::Shell : provision::OnFailure::Stop);
  }
  keep_bound(cache);
  print(built, options);
}

}  // namespace

void add_build(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("build", "Turns a recipe into an image and its manifest");
  command->add_option("recipe", options->recipe, "The recipe (JSON); not needed for a package by itself")
      ->type_name("RECIPE");
  command->add_option("-o,--output", options->output, "Folder for the image")->required()->type_name("DIR");
  command->add_option("--stem", options->stem, "File name without extension (default: the recipe's name)")
      ->type_name("NAME");
  command->add_option("--tree", options->trees, "Install tree to use instead of the recipe's (repeatable)")
      ->type_name("DIR")
      ->take_all();
  command->add_option("--lock", options->lock, "Lock of the exact packages (default: the recipe's)")
      ->type_name("FILE");
  command->add_option("--base", options->base, "What to build on instead of the recipe's base")
      ->type_name("BASE");
  command->add_option("--package", options->packages, "Package to install as well (repeatable)")
      ->type_name("FILE.deb")
      ->take_all();
  command->add_flag("--debug-shell", options->debug_shell,
                    "When a script or package fails, open a shell where it did");
  command->add_flag("--json", options->json, "Say what was built as JSON");
  command->add_flag("-q,--quiet", options->quiet, "Say nothing but errors");
  command->callback([options] { build(*options); });
}

}  // namespace vmimage::command
