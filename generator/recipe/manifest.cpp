#include "recipe/manifest.hpp"

#include "support/error.hpp"

namespace vmimage::recipe {

using support::Fields;
using support::json;

namespace {

json packages_json(const std::vector<Package>& packages) {
  json list = json::array();
  for (const auto& package : packages)
    list.push_back({{"name", package.name},
                    {"version", package.version},
                    {"architecture", package.architecture},
                    {"license", package.license}});
  return list;
}

json files_json(const std::vector<FileRecord>& files) {
  json list = json::array();
  for (const auto& file : files) {
    list.push_back({{"path", file.path}, {"size", file.size}, {"sha256", file.sha256}});
    if (!file.sha1.empty())
      list.back()["sha1"] = file.sha1;
  }
  return list;
}

json inputs_json(const std::vector<Input>& inputs) {
  json list = json::array();
  for (const auto& input : inputs)
    list.push_back({{"name", input.name}, {"sha256", input.sha256}});
  return list;
}

std::vector<Input> read_inputs(Fields& fields, const std::string& key) {
  std::vector<Input> inputs;
  for (Fields& input : fields.objects(key))
    inputs.push_back({input.string("name"), input.string("sha256")});
  return inputs;
}

std::map<std::string, std::string> read_environment(Fields& fields) {
  std::map<std::string, std::string> environment;
  Fields variables = fields.object("environment");
  for (const auto& item : fields.value("environment").items())
    environment[item.key()] = variables.string(item.key());
  return environment;
}

}  // namespace

Manifest parse_manifest(const std::string& text, const std::string& where) {
  const json document = support::parse_json(text, where);
  Fields fields(document, where);
  fields.require_version(kManifestVersion, "manifest");
  Manifest manifest;
  manifest.name = fields.string("name");
  manifest.version = fields.string("image_version");
  manifest.digest = fields.string("digest");
  manifest.base = fields.string("base");
  manifest.base_digest = fields.string("base_digest");
  manifest.lock_digest = fields.string("lock_digest", "");
  manifest.init = fields.string("init");
  manifest.service = fields.string("service");
  manifest.command = fields.strings("command");
  manifest.environment = read_environment(fields);
  manifest.user = fields.string("user");
  manifest.ports = read_ports(fields);
  manifest.health = read_health(fields, manifest.ports);
  manifest.size.cpus = static_cast<int>(fields.integer("cpus", 1, 1024));
  manifest.size.memory = static_cast<std::uint64_t>(fields.integer("memory", 1, 1ll << 60));
  manifest.disk = static_cast<std::uint64_t>(fields.integer("disk", 1, 1ll << 60));
  manifest.formats = fields.strings("formats");
  Fields boot = fields.object("boot");
  manifest.boot.digest = boot.string("digest");
  manifest.boot.kernel_version = boot.string("kernel_version");
  manifest.boot.image = boot.string("image");
  manifest.boot.command_line = boot.string("command_line");
  if (boot.has("firmware"))
    manifest.boot.firmware = boot.strings("firmware");
  for (Fields& package : fields.objects("packages"))
    manifest.packages.push_back({package.string("name"), package.string("version"),
                                 package.string("architecture"), package.string("license")});
  for (Fields& file : fields.objects("files"))
    manifest.files.push_back({file.string("path"),
                              static_cast<std::uint64_t>(file.integer("size", 0, 1ll << 60)),
                              file.string("sha256"), file.string("sha1", "")});
  if (fields.has("volumes"))
    for (Fields& volume : fields.objects("volumes"))
      manifest.volumes.push_back(
          {volume.string("path"), static_cast<std::uint64_t>(volume.integer("size", 1, 1ll << 60))});
  manifest.time = fields.integer("time", 0, 1ll << 40, manifest.time);
  manifest.package_files = read_inputs(fields, "package_files");
  manifest.provision = read_inputs(fields, "provision");
  return manifest;  // keys that a later minor version adds are ignored (docs/recipe.md, "Versions")
}

std::string to_json(const Manifest& manifest) {
  json ports = json::array();
  for (const auto& port : manifest.ports)
    ports.push_back(to_string(port));
  json document{{"version", kManifestVersion},
                {"name", manifest.name},
                {"image_version", manifest.version},
                {"digest", manifest.digest},
                {"base", manifest.base},
                {"base_digest", manifest.base_digest},
                {"init", manifest.init},
                {"service", manifest.service},
                {"command", manifest.command},
                {"environment", manifest.environment},
                {"user", manifest.user},
                {"ports", ports},
                {"health", to_string(manifest.health)},
                {"cpus", manifest.size.cpus},
                {"memory", manifest.size.memory},
                {"disk", manifest.disk},
                {"formats", manifest.formats},
                {"boot",
                 {{"digest", manifest.boot.digest},
                  {"kernel_version", manifest.boot.kernel_version},
                  {"image", manifest.boot.image},
                  {"command_line", manifest.boot.command_line},
                  {"firmware", manifest.boot.firmware}}},
                {"time", manifest.time},
                {"packages", packages_json(manifest.packages)},
                {"files", files_json(manifest.files)}};
  for (const auto& volume : manifest.volumes)
    document["volumes"].push_back({{"path", volume.path}, {"size", volume.size}, {"label", volume.label()}});
  if (!manifest.lock_digest.empty())
    document["lock_digest"] = manifest.lock_digest;
  if (!manifest.package_files.empty())
    document["package_files"] = inputs_json(manifest.package_files);
  if (!manifest.provision.empty())
    document["provision"] = inputs_json(manifest.provision);
  // A file's name may be any bytes, and JSON is UTF-8: what is not gets U+FFFD.
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace vmimage::recipe
