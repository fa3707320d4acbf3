// vmimage unpublish: takes a published image out of a cloud.

#include <fmt/format.h>

#include <memory>

#include "command/command.hpp"
#include "command/registry.hpp"
#include "support/error.hpp"

namespace vmimage::command {

void add_unpublish(CLI::App& app) {
  struct Options {
    std::vector<std::string> images;
    RegistryOptions registry;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("unpublish", "Removes published images from a cloud");
  command->add_option("image", options->images, "Identifiers or digests, as 'published' lists them")
      ->required()
      ->type_name("IMAGE");
  add_registry_options(*command, options->registry);
  command->callback([options] {
    const auto registry = open_registry(options->registry);
    const auto all = registry->list();
    std::vector<publish::Published> chosen;  // all are known before the first one goes
    for (const auto& word : options->images)
      chosen.push_back(publish::find_published(all, word));
    for (const auto& image : chosen)
      if (const std::string user = registry->user_of(image); !user.empty())
        throw support::failure(fmt::format("failed to remove '{}': {} names it", image.id, user),
                               "let that name another one first");
    for (const auto& image : chosen) {
      registry->remove(image);
      fmt::print("{}\n", image.id);
    }
  });
}

}  // namespace vmimage::command
