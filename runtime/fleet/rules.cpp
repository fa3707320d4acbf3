#include "fleet/rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "fleet/spec.hpp"
#include "support/error.hpp"

namespace vmfleet::fleet {

using std::chrono::seconds;
using vmimage::support::Fields;
using vmimage::support::invalid;
using vmimage::support::json;

namespace {

constexpr std::int64_t kDay = 86400;
constexpr std::array<const char*, 7> kDays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

Milliseconds read_seconds(Fields& fields, const std::string& key, std::int64_t least, Milliseconds base) {
  return seconds(fields.integer(key, least, kDay, std::chrono::duration_cast<seconds>(base).count()));
}

std::int64_t to_seconds(Milliseconds time) {
  return std::chrono::duration_cast<seconds>(time).count();
}

/// Runs a check that throws on its own and names the key that it is about.
template <typename Check>
auto about(const Fields& fields, const std::string& key, Check check) {
  try {
    return check();
  } catch (const vmimage::support::Error& error) {
    fields.fail(key, error.what(), error.hint());
  }
}

Share read_share(Fields& fields, const std::string& key, int least, const Share& base) {
  if (!fields.has(key))
    return base;
  const json& value = fields.value(key);
  if (value.is_number())
    return {static_cast<int>(fields.integer(key, least, kMaximumCount)), false};
  const Share share = about(fields, key, [&] { return parse_share(fields.string(key)); });
  if (share.number < least)
    fields.fail(key, fmt::format("is less than {}", least));
  return share;
}

json share_json(const Share& share) {
  return share.percent ? json(to_string(share)) : json(share.number);
}

int read_time_of_day(const Fields& fields, const std::string& text) {
  int hour = -1;
  int minute = -1;
  char rest = 0;
  if (text.size() != 5 || std::sscanf(text.c_str(), "%2d:%2d%c", &hour, &minute, &rest) != 2 || hour < 0 ||
      hour > 23 || minute < 0 || minute > 59)
    fields.fail("at", fmt::format("'{}' is no time of day", text), "give one like 08:30");
  return hour * 60 + minute;
}

std::uint8_t read_days(Fields& fields) {
  const auto words = fields.strings("days");
  if (words.empty())
    return 0x7f;
  std::uint8_t days = 0;
  for (const auto& word : words) {
    const auto found = std::find(kDays.begin(), kDays.end(), word);
    if (found == kDays.end())
      fields.fail("days", fmt::format("'{}' is no day", word),
                  fmt::format("known are: {}", fmt::join(kDays, ", ")));
    days = static_cast<std::uint8_t>(days | 1 << (found - kDays.begin()));
  }
  return days;
}

/// "min" and "max", which every place that has bounds calls so.
Bounds read_bounds(Fields& fields) {
  Bounds bounds;
  bounds.least = static_cast<int>(fields.integer("min", 0, kMaximumCount));
  bounds.most = static_cast<int>(fields.integer("max", 0, kMaximumCount));
  if (bounds.most < bounds.least)
    fields.fail("max", fmt::format("is {}, less than min, {}", bounds.most, bounds.least));
  return bounds;
}

Scheduled read_scheduled(Fields& fields) {
  Scheduled entry;
  entry.minute = read_time_of_day(fields, fields.string("at"));
  entry.days = read_days(fields);
  const Bounds bounds = read_bounds(fields);
  entry.least = bounds.least;
  entry.most = bounds.most;
  fields.finish();
  return entry;
}

json scheduled_json(const Scheduled& entry) {
  json days = json::array();
  for (std::size_t day = 0; day < kDays.size(); ++day)
    if (entry.days >> day & 1)
      days.push_back(kDays[day]);
  return {{"at", fmt::format("{:02}:{:02}", entry.minute / 60, entry.minute % 60)},
          {"days", days},
          {"min", entry.least},
          {"max", entry.most}};
}

}  // namespace

Rules read_health(Fields fields, const Rules& base) {
  Rules rules = base;
  rules.interval = read_seconds(fields, "interval", 1, base.interval);
  rules.timeout = read_seconds(fields, "timeout", 1, base.timeout);
  rules.failed_checks = static_cast<int>(fields.integer("unhealthy_threshold", 1, 100, base.failed_checks));
  rules.passed_checks = static_cast<int>(fields.integer("healthy_threshold", 1, 100, base.passed_checks));
  rules.start_limit = read_seconds(fields, "grace_period", 1, base.start_limit);
  rules.unhealthy_limit = read_seconds(fields, "replace_after", 0, base.unhealthy_limit);
  rules.drain_limit = read_seconds(fields, "drain", 0, base.drain_limit);
  fields.finish();
  return rules;
}

json to_json(const Rules& rules) {
  return {
      {"interval", to_seconds(rules.interval)},        {"timeout", to_seconds(rules.timeout)},
      {"unhealthy_threshold", rules.failed_checks},    {"healthy_threshold", rules.passed_checks},
      {"grace_period", to_seconds(rules.start_limit)}, {"replace_after", to_seconds(rules.unhealthy_limit)},
      {"drain", to_seconds(rules.drain_limit)}};
}

RolloutRules read_rollout(Fields fields, const RolloutRules& base) {
  RolloutRules rules = base;
  if (fields.has("strategy"))
    rules.strategy = about(fields, "strategy", [&] { return parse_strategy(fields.string("strategy")); });
  rules.batch = read_share(fields, "batch", 1, base.batch);
  rules.surge = read_share(fields, "surge", 0, base.surge);
  rules.min_healthy = read_share(fields, "min_healthy", 0, base.min_healthy);
  rules.canary = read_share(fields, "canary", 1, base.canary);
  rules.bake = read_seconds(fields, "bake", 0, base.bake);
  rules.max_errors = static_cast<int>(fields.integer("max_errors", 0, 100, base.max_errors));
  rules.keep_old = read_seconds(fields, "keep_old", 0, base.keep_old);
  rules.limit = read_seconds(fields, "limit", 1, base.limit);
  fields.finish();
  return rules;
}

json to_json(const RolloutRules& rules) {
  return {{"strategy", to_string(rules.strategy)}, {"batch", share_json(rules.batch)},
          {"surge", share_json(rules.surge)},      {"min_healthy", share_json(rules.min_healthy)},
          {"canary", share_json(rules.canary)},    {"bake", to_seconds(rules.bake)},
          {"max_errors", rules.max_errors},        {"keep_old", to_seconds(rules.keep_old)},
          {"limit", to_seconds(rules.limit)}};
}

json to_json(const Rollout& rollout) {
  return {{"number", rollout.number},
          {"from", rollout.from},
          {"to", rollout.to},
          {"rules", to_json(rollout.rules)},
          {"phase", to_string(rollout.phase)},
          {"since", rollout.since.count()},
          {"progress", rollout.progress.count()},
          {"best", rollout.best},
          {"failures", rollout.failures},
          {"back", rollout.back},
          {"reason", rollout.reason}};
}

Rollout parse_rollout(const json& document, const std::string& where) {
  return {.number = document.at("number"),
          .from = document.at("from"),
          .to = document.at("to"),
          .rules = read_rollout(Fields(document.at("rules"), where, "/rollout/rules"), {}),
          .phase = parse_phase(document.at("phase")),
          .since = Milliseconds(document.at("since").get<std::int64_t>()),
          .progress = Milliseconds(document.at("progress").get<std::int64_t>()),
          .best = document.at("best"),
          .failures = document.at("failures"),
          .back = document.at("back"),
          .reason = document.at("reason")};
}

Autoscale read_autoscale(Fields fields) {
  Autoscale autoscale;
  const Bounds bounds = read_bounds(fields);
  autoscale.least = bounds.least;
  autoscale.most = bounds.most;
  if (fields.has("target")) {
    Fields targets = fields.object("target");
    for (const auto metric : {Metric::Cpu, Metric::Requests, Metric::Response})
      if (targets.has(to_string(metric)))
        autoscale.targets.push_back(
            {metric, static_cast<double>(targets.integer(to_string(metric), 1, 1'000'000))});
    targets.finish();
  }
  autoscale.cooldown = read_seconds(fields, "cooldown", 0, autoscale.cooldown);
  for (auto& entry : fields.objects("schedule"))
    autoscale.schedule.push_back(read_scheduled(entry));
  fields.finish();
  return autoscale;
}

json to_json(const Autoscale& autoscale) {
  json document{{"min", autoscale.least},
                {"max", autoscale.most},
                {"target", json::object()},
                {"cooldown", to_seconds(autoscale.cooldown)},
                {"schedule", json::array()}};
  for (const auto& target : autoscale.targets)
    document["target"][to_string(target.metric)] = static_cast<std::int64_t>(target.value);
  for (const auto& entry : autoscale.schedule)
    document["schedule"].push_back(scheduled_json(entry));
  return document;
}

Target parse_target(const std::string& text) {
  const auto equals = text.find('=');
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  const bool number =
      !value.empty() && value.size() <= 6 && value.find_first_not_of("0123456789") == std::string::npos;
  if (!number || std::stoi(value) < 1)
    throw invalid(fmt::format("'{}' is no target", text),
                  "give one like cpu=60, requests=200 or response=50");
  return {parse_metric(text.substr(0, equals)), std::stod(value)};
}

std::string to_string(const Target& target) {
  return fmt::format("{}={:.0f}", to_string(target.metric), target.value);
}

}  // namespace vmfleet::fleet
