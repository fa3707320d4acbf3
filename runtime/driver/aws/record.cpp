#include "driver/aws/record.hpp"

#include "fleet/rules.hpp"
#include "support/error.hpp"

namespace vmfleet::driver::aws {

using vmimage::support::json;

namespace {

constexpr int kVersion = 1;

ordered_json launch_json(const Launch& launch) {
  auto ports = ordered_json::array();
  for (const auto& port : launch.ports)
    ports.push_back(vmimage::recipe::to_string(port));
  return {{"digest", launch.digest},
          {"ports", ports},
          {"health", vmimage::recipe::to_string(launch.health)},
          {"ami", launch.ami},
          {"instance_type", launch.instance_type},
          {"spec", ordered_json::parse(fleet::to_json(launch.spec))}};
}

}  // namespace

bool differ(const Launch& one, const Launch& other) {
  return one.digest != other.digest || one.ami != other.ami || one.instance_type != other.instance_type ||
         one.spec.environment != other.spec.environment;
}

ordered_json to_json(const Record& record) {
  ordered_json document{{"version", kVersion},
                        {"stopped", record.stopped},
                        {"spec", ordered_json::parse(fleet::to_json(record.spec))},
                        {"vpc", record.network.vpc},
                        {"subnets", record.network.subnets},
                        {"time_zone", record.time_zone},
                        {"rollout", ordered_json::parse(fleet::to_json(record.rollout).dump())},
                        {"launch", launch_json(record.launch)}};
  if (record.before)
    document["before"] = launch_json(*record.before);
  return document;
}

Record parse_record(const ordered_json& document, const std::string& where) {
  try {
    if (document.at("version") != kVersion)
      throw vmimage::support::failure(where + ": it was made by a later version of vmfleet",
                                      "use that, or a later one");
    const auto spec = [&](const ordered_json& one) { return fleet::parse_spec(one.dump(), where, "/"); };
    const auto launch = [&](const ordered_json& one) {
      Launch made{.spec = spec(one.at("spec")),
                  .digest = one.at("digest"),
                  .ami = one.at("ami"),
                  .instance_type = one.at("instance_type"),
                  .ports = {},
                  .health = vmimage::recipe::parse_health(one.at("health"))};
      for (const auto& port : one.at("ports"))
        made.ports.push_back(vmimage::recipe::parse_port(port));
      return made;
    };
    Record record{.spec = spec(document.at("spec")),
                  .stopped = document.at("stopped"),
                  .network = {document.at("vpc"), document.at("subnets")},
                  .time_zone = document.at("time_zone"),
                  .launch = launch(document.at("launch")),
                  .before = {},
                  .rollout = fleet::parse_rollout(json::parse(document.at("rollout").dump()), where)};
    if (document.contains("before"))
      record.before = launch(document.at("before"));
    return record;
  } catch (const ordered_json::exception& error) {
    throw vmimage::support::failure(where + ": what it keeps of the fleet is damaged: " + error.what());
  }
}

Sizes sizes(const Record& record) {
  if (record.stopped)
    return {0, 0, 0};
  if (const auto& autoscale = record.spec.autoscale)
    return {autoscale->least, autoscale->most, std::nullopt};
  // What is above the count is for changes: new instances are started before old ones are ended.
  const int count = record.spec.count;
  const int surge = count == 0 ? 0 : record.rollout.rules.surge.of(count);
  return {count, count + surge, count};
}

}  // namespace vmfleet::driver::aws
