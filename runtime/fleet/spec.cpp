#include "fleet/spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "fleet/rules.hpp"
#include "recipe/settings.hpp"
#include "support/error.hpp"
#include "support/json.hpp"

namespace vmfleet::fleet {

namespace fs = std::filesystem;
using vmimage::support::Fields;
using vmimage::support::invalid;
using vmimage::support::json;

namespace {

const std::regex kName("[A-Za-z0-9]([A-Za-z0-9._-]{0,46}[A-Za-z0-9])?");
constexpr std::uint64_t kLeastMemory = 64ull << 20;

/// Runs a check that throws on its own and names the key that it is about.
template <typename Check>
auto about(const Fields& fields, const std::string& key, Check check) {
  try {
    return check();
  } catch (const vmimage::support::Error& error) {
    fields.fail(key, error.what(), error.hint());
  }
}

std::uint64_t read_memory(Fields& fields) {
  const auto bytes =
      about(fields, "memory", [&] { return vmimage::recipe::parse_size(fields.string("memory")); });
  if (bytes < kLeastMemory)
    fields.fail("memory", "is less than 64M", "give at least 64M");
  return bytes;
}

std::map<std::string, fs::path> read_secrets(Fields fields, const json& names, const fs::path& folder) {
  std::map<std::string, fs::path> secrets;
  for (const auto& item : names.items()) {
    const std::string& name = item.key();
    about(fields, name, [&] { vmimage::recipe::check_secret_name(name); });
    const std::string file = fields.string(name);
    if (file.empty())
      fields.fail(name, "is empty", "give the path of a file");
    secrets[name] = (folder / file).lexically_normal();
  }
  return secrets;
}

std::map<std::string, std::string> read_driver_options(Fields& fields) {
  std::map<std::string, std::string> options;
  if (!fields.has("driver_options"))
    return options;
  Fields given = fields.object("driver_options");
  for (const auto& item : fields.value("driver_options").items())
    options[item.key()] = given.string(item.key());
  return options;
}

bool read_start(Fields& fields) {
  const std::string start = fields.string("start", "warm");
  if (start != "warm" && start != "cold")
    fields.fail("start", fmt::format("'{}' is no way to start", start), "known are warm and cold");
  return start == "warm";
}

Network read_network(Fields fields) {
  Network network{.host_loopback = fields.boolean("host_loopback", false),
                  .ipv6 = fields.boolean("ipv6", false),
                  .bridge = fields.string("bridge", "")};
  fields.finish();
  about(fields, "bridge", [&] { check_network(network); });
  return network;
}

json network_json(const Network& network) {
  json document{{"host_loopback", network.host_loopback}, {"ipv6", network.ipv6}};
  if (!network.bridge.empty())
    document["bridge"] = network.bridge;
  return document;
}

/// All but what the document itself is.
void read_fleet(Fields& fields, const fs::path& folder, Spec& spec) {
  const std::string image = fields.string("image");
  if (image.empty())
    fields.fail("image", "is empty", "give the path of an image");
  spec.image = (folder / image).lexically_normal();
  spec.count = static_cast<int>(fields.integer("count", 0, kMaximumCount, 1));
  spec.environment = vmimage::recipe::read_environment(fields);
  if (fields.has("secrets"))
    spec.secrets = read_secrets(fields.object("secrets"), fields.value("secrets"), folder);
  if (fields.has("port"))
    spec.port = static_cast<std::uint16_t>(fields.integer("port", 1, 65535));
  if (fields.has("cpus"))
    spec.cpus = static_cast<int>(fields.integer("cpus", 1, 1024));
  if (fields.has("memory"))
    spec.memory = read_memory(fields);
  if (fields.has("network"))
    spec.network = read_network(fields.object("network"));
  spec.warm = read_start(fields);
  spec.warm_pool = static_cast<int>(fields.integer("warm_pool", 0, kMaximumCount, 0));
  spec.overcommit = fields.boolean("overcommit", false);
  spec.driver = fields.string("driver", spec.driver);
  spec.driver_options = read_driver_options(fields);
  if (fields.has("health"))
    spec.rules = read_health(fields.object("health"), {});
  if (fields.has("rollout"))
    spec.rollout = read_rollout(fields.object("rollout"), {});
  if (fields.has("autoscale"))
    spec.autoscale = read_autoscale(fields.object("autoscale"));
  fields.finish();
}

}  // namespace

Spec parse_spec(const std::string& text, const std::string& where, const fs::path& folder) {
  const json document = vmimage::support::parse_json(text, where);
  Fields fields(document, where);
  fields.require_version(kSpecVersion, "fleet spec");
  if (fields.has("$schema"))
    fields.string("$schema");
  Spec spec;
  if (fields.has("name")) {
    spec.name = fields.string("name");
    about(fields, "name", [&] { check_name(spec.name); });
  }
  read_fleet(fields, folder, spec);
  return spec;
}

Spec read_member(Fields& fields, const std::string& name, const fs::path& folder) {
  Spec spec;
  spec.name = name;
  read_fleet(fields, folder, spec);
  return spec;
}

std::string to_json(const Spec& spec) {
  json document{{"version", kSpecVersion},
                {"image", spec.image.string()},
                {"count", spec.count},
                {"environment", spec.environment},
                {"start", spec.warm ? "warm" : "cold"},
                {"warm_pool", spec.warm_pool},
                {"overcommit", spec.overcommit},
                {"network", network_json(spec.network)},
                {"driver", spec.driver},
                {"health", to_json(spec.rules)},
                {"rollout", to_json(spec.rollout)}};
  for (const auto& [name, file] : spec.secrets)
    document["secrets"][name] = file.string();
  if (!spec.name.empty())
    document["name"] = spec.name;
  if (!spec.driver_options.empty())
    document["driver_options"] = spec.driver_options;
  if (spec.autoscale)
    document["autoscale"] = to_json(*spec.autoscale);
  if (spec.port)
    document["port"] = spec.port;
  if (spec.cpus)
    document["cpus"] = *spec.cpus;
  if (spec.memory)
    document["memory"] = std::to_string(*spec.memory);
  return document.dump(2) + "\n";
}

bool is_spec(const std::string& text) {
  const json document = json::parse(text, nullptr, false);
  return document.is_object() && document.contains("image") && !document.contains("digest");
}

void check_name(const std::string& name) {
  if (!std::regex_match(name, kName))
    throw invalid(fmt::format("'{}' is no name for a fleet", name),
                  "use at most 48 letters, digits and . _ -, first and last a letter or digit");
}

void check_network(const Network& network) {
  if (network.bridge.empty())
    return;
  static const std::regex name("[^/\\s]{1,15}");  // dev_valid_name() of Linux
  if (!std::regex_match(network.bridge, name) || network.bridge == "." || network.bridge == "..")
    throw invalid(fmt::format("'{}' cannot be the name of a bridge", network.bridge),
                  "'ip link show type bridge' lists those that there are");
  if (network.host_loopback)
    throw invalid("what is on a bridge does not reach services on this machine's loopback network",
                  "leave host_loopback out, and let them listen on the bridge's address");
}

std::string default_name(const std::string& service) {
  const auto alphanumeric = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const auto first = std::find_if(service.begin(), service.end(), alphanumeric);
  std::string name(first, service.end());
  name.resize(std::min<std::size_t>(name.size(), 48));
  for (char& c : name)
    if (!alphanumeric(c) && c != '.' && c != '_')
      c = '-';
  while (!name.empty() && !alphanumeric(name.back()))
    name.pop_back();
  return name.empty() ? "fleet" : name;
}

recipe::Size instance_size(const Spec& spec, const recipe::Size& image) {
  return {spec.cpus.value_or(image.cpus), spec.memory.value_or(image.memory)};
}

}  // namespace vmfleet::fleet
