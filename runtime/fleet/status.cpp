#include "fleet/status.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "recipe/service.hpp"

namespace vmfleet::fleet {

using vmimage::support::json;

namespace {

using Row = std::vector<std::string>;

/// Columns as wide as their widest cell; no blanks at the end of a line.
std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += fmt::format("{:<{}}", row[i], widths[i] + 2);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

json instance_json(const InstanceStatus& one) {
  return {{"id", one.id},
          {"state", to_string(one.state)},
          {"image", one.image},
          {"address", one.address},
          {"healthy", one.state == State::Healthy},
          {"started_at", to_iso8601(one.started_at)},
          {"started_at_seconds", one.started_at},
          {"current", one.current},
          {"pid", one.pid ? json(one.pid) : json(nullptr)},
          {"memory", one.memory},
          {"cpu_seconds", one.cpu_seconds},
          {"confinement", one.confinement},
          {"limits", one.limits},
          {"requests_per_second", rounded(one.rate.requests)},
          {"errors_per_second", rounded(one.rate.errors)},
          {"response_ms", rounded(one.rate.response_ms)},
          {"cpu_share", rounded(one.rate.cpu)},
          {"connections", one.rate.connections},
          {"requests_total", one.rate.requests_total},
          {"errors_total", one.rate.errors_total},
          {"start", one.start}};
}

InstanceStatus parse_instance(const json& document) {
  InstanceStatus one;
  one.id = document.at("id");
  one.state = parse_state(document.at("state"));
  one.image = document.at("image");
  one.address = document.at("address");
  one.started_at = document.at("started_at_seconds");
  one.current = document.at("current");
  one.pid = document.at("pid").is_null() ? 0 : document.at("pid").get<int>();
  one.memory = document.at("memory");
  one.cpu_seconds = document.at("cpu_seconds");
  one.confinement = document.value("confinement", "");
  one.limits = document.value("limits", "");
  one.rate = {.cpu = document.value("cpu_share", 0.0),
              .requests = document.value("requests_per_second", 0.0),
              .errors = document.value("errors_per_second", 0.0),
              .response_ms = document.value("response_ms", 0.0),
              .connections = document.value("connections", 0u),
              .requests_total = document.value("requests_total", std::uint64_t{0}),
              .errors_total = document.value("errors_total", std::uint64_t{0})};
  one.start = document.value("start", "");
  return one;
}

json volume_json(const VolumeStatus& one) {
  return {{"number", one.number}, {"folder", one.folder}, {"size", one.size}, {"instance", one.instance}};
}

json gone_json(const GoneInstance& one) {
  return {{"id", one.id},
          {"image", one.image},
          {"started_at", to_iso8601(one.started_at)},
          {"started_at_seconds", one.started_at},
          {"ended_at", to_iso8601(one.ended_at)},
          {"ended_at_seconds", one.ended_at},
          {"reason", one.reason}};
}

GoneInstance parse_gone(const json& document) {
  return {document.at("id"), document.at("image"), document.at("started_at_seconds"),
          document.at("ended_at_seconds"), document.at("reason")};
}

json rollout_json(const RolloutStatus& rollout) {
  if (rollout.number == 0)
    return nullptr;
  return {{"number", rollout.number}, {"strategy", rollout.strategy},
          {"phase", rollout.phase},   {"from", rollout.from},
          {"to", rollout.to},         {"back", rollout.back},
          {"reason", rollout.reason}};
}

RolloutStatus parse_rollout(const json& document) {
  if (document.is_null())
    return {};
  return {document.at("number"), document.at("strategy"), document.at("phase"), document.at("from"),
          document.at("to"),     document.at("back"),     document.at("reason")};
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string response(double milliseconds) {
  return milliseconds > 0 ? fmt::format("{:.0f} ms", milliseconds) : "-";
}

Row row_of(const InstanceStatus& one, std::int64_t now) {
  Row row{one.id, to_string(one.state) + (one.current ? "" : " (outdated)"), or_dash(one.address),
          format_age(now - one.started_at)};
  if (one.pid == 0)
    row.insert(row.end(), 6, "-");
  else
    row.insert(row.end(),
               {fmt::format("{:.0f} %", one.rate.cpu * 100), vmimage::recipe::format_size(one.memory),
                fmt::format("{:.1f}", one.rate.requests), fmt::format("{:.1f}", one.rate.errors),
                response(one.rate.response_ms), std::to_string(one.pid)});
  return row;
}

std::string instance_table(const Status& status, std::int64_t now) {
  std::vector<Row> rows{
      {"INSTANCE", "STATE", "ADDRESS", "AGE", "CPU", "MEMORY", "REQUESTS/S", "ERRORS/S", "RESPONSE", "PID"}};
  for (const auto& one : status.instances)
    rows.push_back(row_of(one, now));
  return fmt::format("load: {:.1f} requests/s, {:.1f} errors/s, {}, CPU {:.0f} %\n\n", status.load.requests,
                     status.load.errors, response(status.load.response_ms), status.load.cpu * 100) +
         table(rows);
}

std::string volume_table(const Status& status) {
  std::vector<Row> rows{{"VOLUMES", "INSTANCE", "SIZE", "FOLDER"}};
  for (const auto& one : status.volumes)
    rows.push_back({std::to_string(one.number), or_dash(one.instance), vmimage::recipe::format_size(one.size),
                    one.folder});
  return "\n" + table(rows);
}

}  // namespace

double rounded(double number) {
  return std::round(number * 1000) / 1000;
}

int Status::healthy() const {
  return static_cast<int>(std::count_if(instances.begin(), instances.end(),
                                        [](const auto& one) { return one.state == State::Healthy; }));
}

std::string Status::health() const {
  if (settled)
    return "ok";
  if (healthy() >= desired)
    return "changing";
  if (quick_failures >= RolloutRules{}.failures && healthy() == 0)
    return "failed";
  const auto aside = std::count_if(instances.begin(), instances.end(),
                                   [](const auto& one) { return one.state == State::Debug; });
  const bool complete = static_cast<int>(instances.size() - aside) >= desired &&
                        std::none_of(instances.begin(), instances.end(), [](const auto& one) {
                          return one.state == State::Failed || one.state == State::Unhealthy;
                        });
  return complete ? "changing" : "degraded";
}

json to_json(const Status& status) {
  json instances = json::array();
  for (const auto& one : status.instances)
    instances.push_back(instance_json(one));
  json volumes = json::array();
  for (const auto& one : status.volumes)
    volumes.push_back(volume_json(one));
  json gone = json::array();
  for (const auto& one : status.gone)
    gone.push_back(gone_json(one));
  return {{"name", status.name},
          {"driver", status.driver},
          {"image", status.image},
          {"mode", status.mode},
          {"desired", status.desired},
          {"healthy", status.healthy()},
          {"endpoint", status.endpoint},
          {"ports", status.ports},
          {"dashboard", status.dashboard},
          {"settled", status.settled},
          {"quick_failures", status.quick_failures},
          {"warm_pool", status.warm_pool},
          {"problem", status.problem},
          {"health", status.health()},
          {"rollout", rollout_json(status.rollout)},
          {"requests_per_second", rounded(status.load.requests)},
          {"errors_per_second", rounded(status.load.errors)},
          {"response_ms", rounded(status.load.response_ms)},
          {"cpu_share", rounded(status.load.cpu)},
          {"instances", instances},
          {"volumes", volumes},
          {"gone", gone}};
}

Status parse_status(const json& document) {
  Status status;
  status.name = document.at("name");
  status.driver = document.at("driver");
  status.image = document.at("image");
  status.mode = document.at("mode");
  status.desired = document.at("desired");
  status.endpoint = document.at("endpoint");
  status.ports = document.at("ports");
  status.dashboard = document.value("dashboard", "");
  status.settled = document.at("settled");
  status.quick_failures = document.at("quick_failures");
  status.warm_pool = document.value("warm_pool", 0);
  status.problem = document.at("problem");
  status.rollout = parse_rollout(document.at("rollout"));
  status.load.requests = document.value("requests_per_second", 0.0);
  status.load.errors = document.value("errors_per_second", 0.0);
  status.load.response_ms = document.value("response_ms", 0.0);
  status.load.cpu = document.value("cpu_share", 0.0);
  for (const auto& one : document.at("instances"))
    status.instances.push_back(parse_instance(one));
  for (const auto& one : document.value("volumes", json::array()))
    status.volumes.push_back({one.at("number"), one.at("folder"), one.at("size"), one.at("instance")});
  for (const auto& one : document.value("gone", json::array()))
    status.gone.push_back(parse_gone(one));
  return status;
}

std::string render(const Status& status, std::int64_t now) {
  std::string text =
      fmt::format("{}: {}, {} of {} healthy", status.name, status.mode, status.healthy(), status.desired);
  if (status.warm_pool > 0)
    text += fmt::format(", {} in the warm pool", status.warm_pool);
  if (!status.endpoint.empty())
    text += ", " + status.endpoint;
  text += fmt::format("\nimage: {}\n", status.image);
  for (const auto& [guest, address] : status.ports)
    if (status.ports.size() > 1)
      text += fmt::format("port {}: {}\n", guest, address);
  if (const auto& rollout = status.rollout; rollout.number != 0 && rollout.phase != "done")
    text += fmt::format("{}: {}, {}, from {} to {}\n", rollout.back ? "rollback" : "rollout",
                        rollout.strategy, rollout.phase, rollout.from, rollout.to);
  if (!status.problem.empty() && !status.settled)
    text += fmt::format("last problem: {}\n", status.problem);
  if (!status.instances.empty())
    text += instance_table(status, now);
  if (!status.volumes.empty())
    text += volume_table(status);
  return text;
}

std::string redraw(const std::string& text, int rows) {
  // ECMA-48: cursor to the beginning; what is left of each line, and below the last one, is erased.
  std::string frame = "\033[H";
  std::size_t at = 0;
  for (int row = 1; row <= rows && at < text.size(); ++row) {
    const auto end = std::min(text.find('\n', at), text.size());
    frame += (row == 1 ? "" : "\r\n") + text.substr(at, end - at) + "\033[K";
    at = end + 1;
  }
  return frame + "\033[J";
}

std::string render_list(const std::vector<Status>& fleets) {
  std::vector<Row> rows{{"FLEET", "MODE", "HEALTHY", "ADDRESS", "IMAGE"}};
  for (const auto& fleet : fleets)
    rows.push_back({fleet.name, fleet.mode, fmt::format("{}/{}", fleet.healthy(), fleet.desired),
                    or_dash(fleet.endpoint), or_dash(fleet.image)});
  return table(rows);
}

std::string to_iso8601(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::string format_age(std::int64_t seconds) {
  seconds = std::max<std::int64_t>(seconds, 0);
  if (seconds < 120)
    return fmt::format("{} s", seconds);
  if (seconds < 7200)
    return fmt::format("{} min", seconds / 60);
  if (seconds < 48 * 3600)
    return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

}  // namespace vmfleet::fleet
