#include "supervisor/state.hpp"

#include <array>

#include "fleet/rules.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/json.hpp"

namespace vmfleet::supervisor {

namespace support = vmimage::support;
using support::json;

namespace {

constexpr std::array<const char*, 3> kModes{"running", "stopped", "removing"};

json deployment_json(const Deployment& deployment) {
  return {{"spec", json::parse(fleet::to_json(deployment.spec))},
          {"digest", deployment.digest},
          {"restarts", deployment.restarts},
          {"secrets", deployment.secrets}};
}

Deployment parse_deployment(const json& document, const std::string& where) {
  return {fleet::parse_spec(document.at("spec").dump(), where, "/"), document.at("digest"),
          document.at("restarts"), document.value("secrets", "")};
}

json running_json(const driver::Running& running) {
  json ports = json::array();
  for (const auto& [guest, host] : running.ports)
    ports.push_back({guest, host});
  return {{"pid", running.pid},
          {"start_time", running.start_time},
          {"ports", ports},
          {"start", running.start},
          {"bridged", running.bridged}};
}

driver::Running parse_running(const json& document) {
  driver::Running running{document.at("pid"),
                          document.at("start_time"),
                          {},
                          document.value("start", ""),
                          document.value("bridged", false)};
  for (const auto& pair : document.at("ports"))
    running.ports[pair.at(0)] = pair.at(1);
  return running;
}

json gone_json(const fleet::GoneInstance& one) {
  return {{"id", one.id},
          {"image", one.image},
          {"started_at", one.started_at},
          {"ended_at", one.ended_at},
          {"reason", one.reason}};
}

json record_json(const Record& record) {
  json document{{"id", record.id},
                {"slot", record.slot},
                {"generation", record.generation},
                {"digest", record.digest},
                {"image", record.image},
                {"cpus", record.size.cpus},
                {"memory", record.size.memory},
                {"state", fleet::to_string(record.state)},
                {"since", record.since.count()},
                {"started_at", record.started_at},
                {"cause", record.cause},
                {"reason", record.reason}};
  if (!record.address.empty())
    document["address"] = record.address;
  if (record.volumes)
    document["volumes"] = record.volumes;
  if (record.healthy_since)
    document["healthy_since"] = record.healthy_since->count();
  if (record.running)
    document["running"] = running_json(*record.running);
  return document;
}

Record parse_record(const json& document) {
  Record record;
  record.id = document.at("id");
  record.slot = document.at("slot");
  record.generation = document.at("generation");
  record.digest = document.at("digest");
  record.image = document.at("image");
  record.size = {document.at("cpus"), document.at("memory")};
  record.state = fleet::parse_state(document.at("state"));
  record.since = fleet::Milliseconds(document.at("since").get<std::int64_t>());
  record.started_at = document.at("started_at");
  record.cause = document.at("cause");
  record.reason = document.value("reason", "");
  record.volumes = document.value("volumes", 0);
  record.address = document.value("address", "");
  if (document.contains("healthy_since"))
    record.healthy_since = fleet::Milliseconds(document.at("healthy_since").get<std::int64_t>());
  if (document.contains("running"))
    record.running = parse_running(document.at("running"));
  return record;
}

/// All numbers of a state are whole; the JSON library converts others, whatever their size.
void require_whole_numbers(const json& document, const std::string& where) {
  if (document.is_number_float())
    throw support::failure(where + ": " + document.dump() + " is no whole number",
                           "it was not written by this vmfleet");
  if (document.is_structured())
    for (const auto& part : document)
      require_whole_numbers(part, where);
}

FleetState parse_fields(const json& document, const std::string& where) {
  FleetState state;
  const auto mode = std::find(kModes.begin(), kModes.end(), document.at("mode").get<std::string>());
  if (mode == kModes.end())
    throw support::failure(where + ": /mode: is none of running, stopped, removing",
                           "it was not written by this vmfleet");
  state.mode = static_cast<Mode>(mode - kModes.begin());
  if (document.contains("current"))
    state.current = parse_deployment(document.at("current"), where);
  if (document.contains("previous"))
    state.previous = parse_deployment(document.at("previous"), where);
  if (document.contains("older"))
    state.older = parse_deployment(document.at("older"), where);
  if (document.contains("before"))
    state.before = parse_deployment(document.at("before"), where);
  if (document.contains("rollout"))  // not in those of the first releases
    state.rollout = fleet::parse_rollout(document.at("rollout"), where);
  state.scaled = fleet::Milliseconds(document.value("scaled", std::int64_t{0}));
  state.drop_volumes = document.value("drop_volumes", false);
  state.next_number = document.at("next_number");
  state.boot_id = document.at("boot_id");
  state.backoff = {document.at("failures"),
                   fleet::Milliseconds(document.at("last_failure").get<std::int64_t>())};
  for (const auto& pair : document.at("listeners"))
    state.listeners.push_back({pair.at(0), pair.at(1)});
  for (const auto& record : document.at("instances"))
    state.instances.push_back(parse_record(record));
  for (const auto& one : document.value("gone", json::array()))
    state.gone.push_back(
        {one.at("id"), one.at("image"), one.at("started_at"), one.at("ended_at"), one.at("reason")});
  return state;
}

}  // namespace

std::string to_string(Mode mode) {
  return kModes.at(static_cast<std::size_t>(mode));
}

std::vector<const Deployment*> FleetState::deployments() const {
  std::vector<const Deployment*> list;
  for (const auto* one : {&current, &previous, &older, &before})
    if (*one)
      list.push_back(&**one);
  return list;
}

std::string Deployment::generation() const {
  support::Digest all;
  all.add(digest).add(std::to_string(restarts));
  all.add(spec.cpus ? std::to_string(*spec.cpus) : "").add(spec.memory ? std::to_string(*spec.memory) : "");
  for (const auto& [key, value] : spec.environment)
    all.add(key).add(value);
  if (!secrets.empty())
    all.add(secrets);
  if (spec.network.host_loopback)
    all.add("host loopback");
  if (!spec.network.bridge.empty())
    all.add("bridge").add(spec.network.bridge);
  return all.hex().substr(0, 16);
}

std::string to_json(const FleetState& state) {
  json listeners = json::array();
  for (const auto& listener : state.listeners)
    listeners.push_back({listener.guest, listener.host});
  json instances = json::array();
  for (const auto& record : state.instances)
    instances.push_back(record_json(record));
  json gone = json::array();
  for (const auto& one : state.gone)
    gone.push_back(gone_json(one));
  json document{{"version", kStateVersion},
                {"mode", to_string(state.mode)},
                {"drop_volumes", state.drop_volumes},
                {"next_number", state.next_number},
                {"boot_id", state.boot_id},
                {"failures", state.backoff.failures},
                {"last_failure", state.backoff.last_failure.count()},
                {"listeners", listeners},
                {"instances", instances},
                {"gone", gone},
                {"rollout", fleet::to_json(state.rollout)},
                {"scaled", state.scaled.count()}};
  if (state.current)
    document["current"] = deployment_json(*state.current);
  if (state.previous)
    document["previous"] = deployment_json(*state.previous);
  if (state.older)
    document["older"] = deployment_json(*state.older);
  if (state.before)
    document["before"] = deployment_json(*state.before);
  return document.dump(2) + "\n";
}

FleetState parse_state(const std::string& text, const std::string& where) {
  const json document = support::parse_json(text, where);
  support::Fields(document, where).require_version(kStateVersion, "fleet's state");
  require_whole_numbers(document, where);
  try {
    return parse_fields(document, where);
  } catch (const json::exception& error) {
    throw support::failure(where + ": " + error.what(), "it was not written by this vmfleet");
  }
}

}  // namespace vmfleet::supervisor
