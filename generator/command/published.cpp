// vmimage published: the images that 'vmimage publish' has put into a cloud.

#include <fmt/format.h>

#include <memory>

#include "command/command.hpp"
#include "command/print.hpp"
#include "command/registry.hpp"
#include "support/progress.hpp"

namespace vmimage::command {

namespace {

/// "  eu-west-1: ami-…, us-east-1: ami-… (incomplete)"
std::string copies_of(const publish::Published& image) {
  std::string text;
  for (const auto& copy : image.copies)
    text += fmt::format("{}{}: {}{}", text.empty() ? "  " : ", ", copy.region, copy.id,
                        copy.whole ? "" : " (incomplete)");
  return text;
}

void print(const std::vector<publish::Published>& images) {
  for (const auto& image : images)
    fmt::print("{}  {}  {:.19}  {}  {}{}\n", image.id,
               image.name + (image.version.empty() ? "" : "-") + image.version, image.digest, image.created,
               support::format_bytes(image.size), (image.whole ? "" : "  (incomplete)") + copies_of(image));
}

}  // namespace

void add_published(CLI::App& app) {
  struct Options {
    RegistryOptions registry;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("published", "Lists the images that were published to a cloud");
  add_registry_options(*command, options->registry);
  command->add_flag("--json", options->json, "As JSON");
  command->callback([options] {
    const auto images = open_registry(options->registry)->list();
    if (!options->json)
      return print(images);
    support::json list = support::json::array();
    for (const auto& image : images)
      list.push_back(to_json(image));
    print_json({{"version", 1}, {"registry", options->registry.kind}, {"images", list}});
  });
}

}  // namespace vmimage::command
