#include "command/registry.hpp"

#include "support/file.hpp"

namespace vmimage::command {

namespace fs = std::filesystem;

void add_registry_options(CLI::App& command, RegistryOptions& options) {
  command.add_option("--to,--from", options.kind, "The registry: " + publish::kind_names())
      ->required()
      ->type_name("REGISTRY");
  command
      .add_option("--cloud", options.cloud,
                  "A cloud in clouds.yaml (default: OS_CLOUD, or OS_AUTH_URL and its like, or the only one)")
      ->type_name("NAME");
}

support::json to_json(const publish::Published& image) {
  return {{"id", image.id},         {"name", image.name},       {"image_version", image.version},
          {"digest", image.digest}, {"created", image.created}, {"size", image.size},
          {"complete", image.whole}};
}

fs::path publishing_lock() {
  const fs::path folder = support::runtime_folder("vmimage");
  fs::create_directories(folder);
  return folder / "publish.lock";
}

}  // namespace vmimage::command
