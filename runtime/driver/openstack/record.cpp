#include "driver/openstack/record.hpp"

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

std::string to_json(const Record& record) {
  json groups = json::object();
  for (const auto& [name, group] : record.groups)
    groups[name] = group_json(group);
  return json{{"version", kVersion},       {"spec", json::parse(fleet::to_json(record.spec))},
              {"stopped", record.stopped}, {"current", record.current},
              {"groups", groups},          {"rollout", fleet::to_json(record.rollout)},
              {"port", record.port},       {"checked", record.checked}}
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
                  .checked = document.at("checked")};
    for (const auto& [name, one] : document.at("groups").items())
      record.groups[name] = {one.at("generation"), one.at("image"), one.at("settings"), spec(one.at("spec"))};
    return record;
  } catch (const json::exception& error) {
    throw vmimage::support::failure(where + ": its parameter 'fleet' is damaged: " + error.what());
  }
}

}  // namespace vmfleet::driver::openstack
