// vmimage inspect: what an image is, read from inside it.

#include <fmt/format.h>

#include <memory>
#include <set>
#include <sstream>

#include "command/command.hpp"
#include "inspect/image.hpp"
#include "license/copyright.hpp"
#include "sbom/spdx.hpp"

namespace vmimage::command {

namespace fs = std::filesystem;

namespace {

void row(const char* label, const std::string& value) {
  if (!value.empty())
    fmt::print("{:<10} {}\n", label, value);
}

/// Those that SPDX lists, each once.
std::string licenses(const std::vector<recipe::Package>& packages) {
  std::set<std::string> names;
  std::size_t own = 0, unknown = 0;
  for (const auto& package : packages) {
    std::istringstream words(package.license);
    bool has_own = false;
    for (std::string word; words >> word;) {
      const auto first = word.find_first_not_of('('), last = word.find_last_not_of(')');
      word = first == std::string::npos ? "" : word.substr(first, last - first + 1);
      if (word.starts_with("LicenseRef-"))
        has_own = true;
      else if (!word.empty() && word != "AND" && word != "OR" && word != "WITH" && word != license::kUnknown)
        names.insert(word);
    }
    own += has_own ? 1 : 0;
    unknown += package.license == license::kUnknown ? 1 : 0;
  }
  return packages.empty() ? ""
                          : fmt::format("{}; {} packages with terms of their own, {} unknown",
                                        fmt::join(names, " "), own, unknown);
}

void print(const recipe::Manifest& manifest) {
  std::vector<std::string> ports;
  for (const auto& port : manifest.ports)
    ports.push_back(recipe::to_string(port));
  std::uint64_t bytes = 0;
  for (const auto& file : manifest.files)
    bytes += file.size;
  row("name", manifest.name);
  row("version", manifest.version);
  row("digest", manifest.digest);
  row("base", manifest.base);
  row("service", manifest.service);
  row("command", fmt::format("{}", fmt::join(manifest.command, " ")));
  row("user", manifest.user);
  for (const auto& [key, value] : manifest.environment)
    row("setting", key + "=" + value);
  for (const auto& volume : manifest.volumes)
    row("volume",
        fmt::format("{}, {} (label {})", volume.path, recipe::format_size(volume.size), volume.label()));
  row("ports", fmt::format("{}", fmt::join(ports, " ")));
  row("health", recipe::to_string(manifest.health));
  row("size",
      fmt::format("{} CPU{}, {} memory, {} disk", manifest.size.cpus, manifest.size.cpus == 1 ? "" : "s",
                  recipe::format_size(manifest.size.memory), recipe::format_size(manifest.disk)));
  row("kernel", manifest.boot.kernel_version);
  row("packages", std::to_string(manifest.packages.size()));
  row("licenses", licenses(manifest.packages));
  row("files", fmt::format("{} ({}) on top of the base", manifest.files.size(), recipe::format_size(bytes)));
}

}  // namespace

void add_inspect(CLI::App& app) {
  struct Options {
    fs::path image;
    bool json = false;
    bool spdx = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("inspect", "Says what an image is, without booting it");
  command->add_option("image", options->image, "An image, or its manifest")->required()->type_name("IMAGE");
  command->add_flag("--json", options->json, "The whole manifest");
  command->add_flag("--spdx", options->spdx, "Its bill of materials, SPDX 2.3")->excludes("--json");
  command->callback([options] {
    const recipe::Manifest manifest = inspect::load_manifest(options->image);
    if (options->spdx)
      fmt::print("{}", sbom::spdx(manifest));
    else if (options->json)
      fmt::print("{}", recipe::to_json(manifest));
    else
      print(manifest);
  });
}

}  // namespace vmimage::command
