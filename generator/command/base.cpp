// vmimage base: what images are made on.

#include "base/base.hpp"

#include <fmt/format.h>

#include <memory>

#include "command/command.hpp"
#include "command/print.hpp"
#include "image/build.hpp"
#include "support/progress.hpp"

namespace vmimage::command {

namespace {

struct Kind {
  const char* name;
  const char* description;
};
constexpr Kind kKinds[] = {
    {"debian:<suite>", "Debian with systemd, like debian:bookworm"},
    {"minimal", "kernel, busybox as init, and the service with its shared libraries"},
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

void build(const std::string& name, const std::optional<std::string>& mirror) {
  std::string digest;
  {
    support::Progress progress(support::Progress::detect());
    const base::Progress report = progress.report();
    const cache::Cache cache;
    const base::Base base = base::open_base(cache, name, {}, {.mirror = mirror, .lock = nullptr}, report);
    image::base_disk(cache, base, base.default_disk, report);
    digest = base.digest;
  }
  fmt::print("{} sha256:{}\n", name, digest);
}

}  // namespace

void add_base(CLI::App& app) {
  CLI::App* command = app.add_subcommand("base", "What images are made on");
  command->require_subcommand(1);
  CLI::App* kinds = command->add_subcommand("list", "Lists the kinds of base");
  auto json = std::make_shared<bool>(false);
  kinds->add_flag("--json", *json, "For programs");
  kinds->callback([json] { list(*json); });
  struct Options {
    std::string name;
    std::optional<std::string> mirror;
  };
  auto options = std::make_shared<Options>();
  CLI::App* make = command->add_subcommand("build", "Makes a base and keeps it in the cache");
  make->add_option("base", options->name, "Its name")->required()->type_name("BASE");
  make->add_option("--mirror", options->mirror, "Package mirror (default: the one this machine uses)")
      ->type_name("URL");
  make->callback([options] { build(options->name, options->mirror); });
}

}  // namespace vmimage::command
