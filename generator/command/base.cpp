// vmimage base: what images are made on.

#include "base/base.hpp"

#include <fmt/format.h>

#include <memory>

#include "command/command.hpp"
#include "image/build.hpp"
#include "support/progress.hpp"

namespace vmimage::command {

namespace {

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
  command->add_subcommand("list", "Lists the kinds of base")->callback([] {
    fmt::print(
        "debian:<suite>  Debian with systemd, like debian:bookworm\n"
        "minimal         kernel, busybox as init, and the service with its shared libraries\n");
  });
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
