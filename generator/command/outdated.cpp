// vmimage outdated: which packages of an image have newer versions, security updates first.

#include "command/outdated.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "command/command.hpp"
#include "command/print.hpp"
#include "inspect/image.hpp"
#include "support/progress.hpp"

namespace vmimage::command {

namespace fs = std::filesystem;

namespace {

void print_lines(const std::vector<base::Outdated>& list) {
  if (list.empty()) {
    fmt::print("nothing newer\n");
    return;
  }
  for (const auto& entry : list)
    fmt::print("{:<9} {} {} -> {}{}{}\n", entry.security ? "security" : "", entry.name, entry.installed,
               entry.available, entry.change.empty() ? "" : "  ", entry.change);
  const auto security =
      std::count_if(list.begin(), list.end(), [](const auto& entry) { return entry.security; });
  fmt::print("{} {} newer, {} for security\n", list.size(), list.size() == 1 ? "package is" : "packages are",
             security);
}

void print_as_json(const std::vector<base::Outdated>& list, const std::string& base) {
  support::json packages = support::json::array();
  for (const auto& entry : list)
    packages.push_back({{"name", entry.name},
                        {"installed", entry.installed},
                        {"available", entry.available},
                        {"security", entry.security},
                        {"change", entry.change}});
  print_json({{"version", 1}, {"base", base}, {"packages", packages}});
}

}  // namespace

void report_outdated(const std::vector<recipe::Package>& packages, const std::string& base,
                     const std::optional<std::string>& mirror, OutdatedFormat format,
                     base::Changelogs changelogs) {
  const base::Suite suite = base::suite_of(base);
  std::vector<base::Outdated> list;
  {
    support::Progress progress(support::Progress::detect());
    const cache::Cache cache;
    progress.step("looking at the archives of " + suite.title());
    base::Index(cache, suite, mirror, base::View::News).refresh();
    list = base::outdated(cache, packages, suite, mirror, changelogs,
                          [&](const std::string& line) { progress.step(line); });
  }
  if (format == OutdatedFormat::Json)
    print_as_json(list, base);
  else
    print_lines(list);
}

void add_outdated(CLI::App& app) {
  struct Options {
    fs::path image;
    std::optional<std::string> mirror;
    bool json = false;
    bool no_changelog = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("outdated", "Lists an image's packages that have newer versions");
  command->add_option("image", options->image, "An image, or its manifest")->required()->type_name("IMAGE");
  command->add_option("--mirror", options->mirror, "Package mirror (default: the one this machine uses)")
      ->type_name("URL");
  command->add_flag("--json", options->json, "As JSON");
  command->add_flag("--no-changelog", options->no_changelog,
                    "Without what changed, which has to be downloaded");
  command->callback([options] {
    const recipe::Manifest manifest = inspect::load_manifest(options->image);
    report_outdated(manifest.packages, manifest.base, options->mirror,
                    options->json ? OutdatedFormat::Json : OutdatedFormat::Lines,
                    options->no_changelog ? base::Changelogs::No : base::Changelogs::Yes);
  });
}

}  // namespace vmimage::command
