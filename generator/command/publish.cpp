// vmimage publish: an image into a cloud's registry, once.

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>

#include "command/command.hpp"
#include "command/print.hpp"
#include "command/registry.hpp"
#include "publish/prepare.hpp"
#include "support/error.hpp"
#include "support/progress.hpp"

namespace vmimage::command {

namespace fs = std::filesystem;

namespace {

struct Options {
  fs::path image;
  RegistryOptions registry;
  std::string name;
  std::vector<std::string> tags;
  std::optional<std::string> revision;
  std::vector<std::string> keys;
  bool tpm = false;
  std::vector<std::string> share_with;
  int keep = 0;
  bool json = false;
  bool quiet = false;
};

void print(const Options& options, const publish::Outcome& outcome) {
  if (!options.json) {
    fmt::print("{}\n", outcome.image.id);
    return;
  }
  support::json removed = support::json::array();
  for (const auto& image : outcome.removed)
    removed.push_back(image.id);
  support::json document{{"version", 1}, {"registry", options.registry.kind}, {"sent", outcome.sent}};
  document["image"] = to_json(outcome.image);
  document["removed"] = removed;
  print_json(document);
}

std::map<std::string, std::string> parse_tags(const std::vector<std::string>& words) {
  std::map<std::string, std::string> tags;
  for (const auto& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      throw support::invalid(fmt::format("--tag '{}' is no tag", word), "give KEY=VALUE");
    tags[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return tags;
}

void publish_image(const Options& options) {
  if (options.registry.kind != "aws" && (!options.tags.empty() || options.revision || !options.keys.empty() ||
                                         options.tpm || !options.share_with.empty()))
    throw support::invalid("--tag, --revision, --kms-key, --tpm and --share-with are for aws");
  const auto tags = parse_tags(options.tags);
  publish::Outcome outcome;
  {
    using Mode = support::Progress::Mode;
    support::Progress progress(options.quiet ? Mode::Quiet : support::Progress::detect());
    // What can be wrong with the account is said before an image is read, or converted.
    const auto registry = open_registry(options.registry);
    auto prepared = publish::prepare(options.image, options.name, progress.report());
    prepared.upload.tags = tags;
    prepared.upload.keys = options.keys;
    prepared.upload.tpm = options.tpm;
    prepared.upload.share_with = options.share_with;
    prepared.upload.revision = options.revision ? *options.revision : publish::revision_of(options.image);
    outcome = publish::publish(*registry, prepared.upload, options.keep, progress.report());
    progress.step(outcome.sent ? "published" : "it is there already: nothing was sent");
  }
  print(options, outcome);
}

}  // namespace

void add_publish(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("publish", "Uploads an image to a cloud, unless it is there");
  command->add_option("image", options->image, "An image of any format, or the manifest beside one")
      ->required()
      ->type_name("IMAGE");
  add_registry_options(*command, options->registry);
  command->add_option("--name", options->name, "Its name there (default: the image's)")->type_name("NAME");
  command->add_option("--tag", options->tags, "Of AWS: a tag more, of AMI and snapshot; may be given again")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command
      ->add_option("--revision", options->revision,
                   "Of AWS: the source's revision, for the tags (default: git's, where the image is)")
      ->type_name("REVISION");
  command
      ->add_option("--kms-key", options->keys, "Of AWS: encrypt with this key; may be given for each region")
      ->type_name("ARN")
      ->allow_extra_args(false);
  command->add_flag("--tpm", options->tpm, "Of AWS: its instances have a TPM 2.0");
  command
      ->add_option("--share-with", options->share_with,
                   "Of AWS: accounts that may start instances of it, separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("ACCOUNT,...");
  command->add_option("--keep", options->keep, "Remove all of its name but the newest N")
      ->type_name("N")
      ->check(CLI::Range(1, 10000));
  command->add_flag("--json", options->json, "Say what was done as JSON");
  command->add_flag("-q,--quiet", options->quiet, "No progress");
  command->callback([options] { publish_image(*options); });
}

}  // namespace vmimage::command
