#include "driver/openstack/record.hpp"

#include <fmt/format.h>

#include <vector>

#include "fleet/rules.hpp"
#include "support/error.hpp"

namespace vmfleet::driver::openstack {

using vmimage::support::json;

namespace {

constexpr int kVersion = 1;

json group_json(const Group& group) {
  return {{"generation", group.generation},
          {"image", group.image},
          {"settings", group.settings},
          {"spec", json::parse(fleet::to_json(group.spec))}};
}

}  // namespace

std::map<std::string, std::string> parameters_of_groups(
    const std::map<std::string, std::string>& parameters) {
  std::map<std::string, std::string> kept;
  for (const std::string group : {"a", "b"})
    for (const auto* part : {"_count", "_image", "_flavor", "_settings"})
      if (const auto found = parameters.find(group + part); found != parameters.end())
        kept.insert(*found);
  return kept;
}

std::string drift(const Record& record, const std::map<std::string, std::string>& parameters) {
  std::vector<std::string> changes;
  for (const auto& [name, value] : record.told)
    if (const auto found = parameters.find(name); found != parameters.end() && found->second != value)
      changes.push_back(fmt::format("{} is {}, not {}", name, found->second, value));
  return fmt::format("{}", fmt::join(changes, ", "));
}

std::string to_json(const Record& record) {
  json groups = json::object();
  for (const auto& [name, group] : record.groups)
    groups[name] = group_json(group);
  return json{{"version", kVersion},       {"spec", json::parse(fleet::to_json(record.spec))},
              {"stopped", record.stopped}, {"current", record.current},
              {"groups", groups},          {"rollout", fleet::to_json(record.rollout)},
              {"port", record.port},       {"checked", record.checked},
              {"told", record.told}}
      .dump();
}

Record parse_record(const std::string& text, const std::string& where) {
  try {
    const json document = json::parse(text);
    if (document.at("version") != kVersion)
      throw vmimage::support::failure(where + ": it was made by a later version of vmfleet",
                                      "use that, or a later one");
    const auto spec = [&](const json& one) { return fleet::parse_spec(one.dump(), where, "/"); };
    Record record{.spec = spec(document.at("spec")),
                  .stopped = document.at("stopped"),
                  .current = document.at("current"),
                  .groups = {},
                  .rollout = fleet::parse_rollout(document.at("rollout"), where),
                  .port = document.at("port"),
                  .checked = document.at("checked"),
                  .told = document.value("told", std::map<std::string, std::string>())};
    for (const auto& [name, one] : document.at("groups").items())
      record.groups[name] = {one.at("generation"), one.at("image"), one.at("settings"), spec(one.at("spec"))};
    return record;
  } catch (const json::exception& error) {
    throw vmimage::support::failure(where + ": its parameter 'fleet' is damaged: " + error.what());
  }
}

}  // namespace vmfleet::driver::openstack
