#include "command/registry.hpp"

#include "support/error.hpp"

namespace vmimage::command {

void add_registry_options(CLI::App& command, RegistryOptions& options) {
  command.add_option("--to,--from", options.kind, "The registry: " + publish::kind_names())
      ->required()
      ->type_name("REGISTRY");
  command
      .add_option("--cloud", options.cloud,
                  "A cloud in clouds.yaml (default: OS_CLOUD, or OS_AUTH_URL and its like, or the only one)")
      ->type_name("NAME");
  command.add_option("--profile", options.profile, "Of AWS: a profile of its CLI (default: what that finds)")
      ->type_name("NAME");
  command.add_option("--region", options.region, "Of AWS (default: AWS_REGION, or the profile's)")
      ->type_name("REGION");
  command
      .add_option("--regions", options.regions, "Of AWS: copies in these regions too, separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("REGION,...");
}

std::unique_ptr<publish::Registry> open_registry(const RegistryOptions& options) {
  const bool aws = options.kind == "aws";
  if (aws && !options.cloud.empty())
    throw support::invalid("--cloud is not for aws", "give --profile");
  if (options.kind == "openstack" &&
      !(options.profile.empty() && options.region.empty() && options.regions.empty()))
    throw support::invalid("--profile, --region and --regions are for aws", "give --cloud");
  return publish::open_registry(options.kind,
                                {aws ? options.profile : options.cloud, options.region, options.regions});
}

support::json to_json(const publish::Published& image) {
  support::json document{
      {"id", image.id},         {"name", image.name},       {"image_version", image.version},
      {"digest", image.digest}, {"created", image.created}, {"size", image.size},
      {"complete", image.whole}};
  if (image.region.empty())
    return document;
  document["region"] = image.region;
  document["copies"] = support::json::array();
  for (const auto& copy : image.copies)
    document["copies"].push_back({{"region", copy.region}, {"id", copy.id}, {"complete", copy.whole}});
  return document;
}

}  // namespace vmimage::command
