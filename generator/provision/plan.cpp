#include "provision/plan.hpp"

#include <sstream>

namespace vmimage::provision {

using support::json;
namespace fs = std::filesystem;

namespace {

json step_json(const Step& step) {
  json files = json::array();
  for (const auto& file : step.files)
    files.push_back({{"source", file.source.string()}, {"name", file.name}});
  return {{"name", step.name},
          {"argv", step.argv},
          {"files", files},
          {"environment", step.environment},
          {"network", step.network == Network::Host},
          {"timeout", step.timeout},
          {"trace", step.trace}};
}

Step read_step(const json& document) {
  Step step;
  step.name = document.at("name");
  step.argv = document.at("argv").get<std::vector<std::string>>();
  for (const auto& file : document.at("files"))
    step.files.push_back({file.at("source").get<std::string>(), file.at("name").get<std::string>()});
  step.environment = document.at("environment").get<std::map<std::string, std::string>>();
  step.network = document.at("network").get<bool>() ? Network::Host : Network::None;
  step.timeout = document.at("timeout");
  step.trace = document.at("trace");
  return step;
}

/// Paths and output may hold any bytes.
std::string text_of(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const Plan& plan) {
  json layers = json::array(), steps = json::array();
  for (const auto& layer : plan.layers)
    layers.push_back({{"tar", layer.tar.string()}, {"removed", layer.removed}});
  for (const auto& step : plan.steps)
    steps.push_back(step_json(step));
  return text_of({{"layers", layers},
                  {"steps", steps},
                  {"result", plan.result.string()},
                  {"time", plan.time},
                  {"shell", plan.on_failure == OnFailure::Shell}});
}

Plan parse_plan(const std::string& text) {
  const json document = support::parse_json(text, "plan");
  Plan plan;
  for (const auto& layer : document.at("layers"))
    plan.layers.push_back(
        {layer.at("tar").get<std::string>(), layer.at("removed").get<std::vector<std::string>>()});
  for (const auto& step : document.at("steps"))
    plan.steps.push_back(read_step(step));
  plan.result = document.at("result").get<std::string>();
  plan.time = document.at("time");
  plan.on_failure = document.at("shell").get<bool>() ? OnFailure::Shell : OnFailure::Stop;
  return plan;
}

std::string to_json(const Outcome& outcome) {
  json document{
      {"exit_status", outcome.exit_status}, {"signal", outcome.signal}, {"timed_out", outcome.timed_out},
      {"traceable", outcome.traceable},     {"line", outcome.line},     {"command", outcome.command},
      {"removed", outcome.removed}};
  if (outcome.step)
    document["step"] = *outcome.step;
  return text_of(document);
}

Outcome parse_outcome(const std::string& text) {
  const json document = support::parse_json(text, "outcome");
  Outcome outcome;
  if (document.contains("step"))
    outcome.step = document.at("step").get<std::size_t>();
  outcome.exit_status = document.at("exit_status");
  outcome.signal = document.at("signal");
  outcome.timed_out = document.at("timed_out");
  outcome.traceable = document.at("traceable");
  outcome.line = document.at("line");
  outcome.command = document.at("command");
  outcome.removed = document.at("removed").get<std::vector<std::string>>();
  return outcome;
}

std::optional<std::uint64_t> first_range(const std::string& text, const std::string& user, std::uint32_t id,
                                         std::uint64_t count) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string name, start, length;
    if (!std::getline(fields, name, ':') || !std::getline(fields, start, ':') ||
        !std::getline(fields, length))
      continue;
    if ((name == user || name == std::to_string(id)) && std::strtoull(length.c_str(), nullptr, 10) >= count)
      return std::strtoull(start.c_str(), nullptr, 10);
  }
  return std::nullopt;
}

}  // namespace vmimage::provision
