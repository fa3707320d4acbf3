#include "dashboard/content.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "support/json.hpp"

namespace vmfleet::dashboard {

using fleet::rounded;
using fleet::State;
using vmimage::support::json;

namespace {

/// A label's value: backslash, quote and line break are escaped.
std::string label(const std::string& name, const std::string& value) {
  std::string text = name + "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"')
      text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text + '"';
}

/// The metrics of one fleet, family by family.
class Writer {
 public:
  explicit Writer(const fleet::Status& status) : status_(status), fleet_(label("fleet", status.name)) {}

  void family(const std::string& name, const std::string& type, const std::string& help) {
    name_ = "vmfleet_" + name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name_, help, name_, type);
  }
  void value(double number, const std::string& labels = "") {
    text_ += fmt::format("{}{{{}{}{}}} {}\n", name_, fleet_, labels.empty() ? "" : ",", labels, number);
  }
  void of_fleet(const std::string& name, const std::string& help, double number) {
    family(name, "gauge", help);
    value(number);
  }
  /// `get` says what it is for one instance that runs.
  template <typename Get>
  void of_instances(const std::string& name, const std::string& type, const std::string& help, Get get) {
    family("instance_" + name, type, help);
    for (const auto& one : status_.instances)
      if (one.pid != 0)
        value(static_cast<double>(get(one)), label("instance", one.id));
  }
  const std::string& text() const { return text_; }

 private:
  const fleet::Status& status_;
  std::string fleet_;
  std::string name_;
  std::string text_;
};

void write_fleet(Writer& writer, const fleet::Status& status) {
  writer.family("info", "gauge", "The fleet's image, and where it runs; always 1.");
  writer.value(1, label("image", status.image) + "," + label("driver", status.driver));
  writer.of_fleet("instances_desired", "Instances that are wanted.", status.desired);
  writer.family("instances", "gauge", "Instances in each state.");
  constexpr std::array kStates{State::Starting, State::Healthy, State::Unhealthy, State::Draining,
                               State::Stopping, State::Failed,  State::Debug};
  for (const State state : kStates)
    writer.value(static_cast<double>(std::count_if(status.instances.begin(), status.instances.end(),
                                                   [&](const auto& one) { return one.state == state; })),
                 label("state", to_string(state)));
  writer.of_fleet("settled", "1 when the fleet is what it shall be.", status.settled);
  writer.of_fleet("rollout_under_way", "1 while instances of one image are replaced by those of another.",
                  status.rollout.number != 0 && status.rollout.phase != "done");
}

void write_instances(Writer& writer) {
  using One = const fleet::InstanceStatus&;
  writer.of_instances("healthy", "gauge", "1 when the instance is healthy.",
                      [](One one) { return one.state == State::Healthy; });
  writer.of_instances("requests_total", "counter", "Requests that were answered.",
                      [](One one) { return one.rate.requests_total; });
  writer.of_instances("errors_total", "counter", "Answers with a status of 500 or more, or none at all.",
                      [](One one) { return one.rate.errors_total; });
  writer.of_instances("response_seconds", "gauge", "Recent mean time to an answer.",
                      [](One one) { return one.rate.response_ms / 1000; });
  writer.of_instances("connections", "gauge", "Requests on their way.",
                      [](One one) { return one.rate.connections; });
  writer.of_instances("cpu_seconds_total", "counter", "Processor time of this machine that it took.",
                      [](One one) { return one.cpu_seconds; });
  writer.of_instances("memory_bytes", "gauge", "Memory of this machine that it has.",
                      [](One one) { return one.memory; });
  writer.of_instances("start_time_seconds", "gauge", "When it was started, since the epoch.",
                      [](One one) { return one.started_at; });
}

}  // namespace

std::string history_json(const Snapshot& snapshot) {
  json document = json::object();
  const auto list = [&](const char* name, auto get) {
    json& values = document[name] = json::array();
    for (const auto& point : snapshot.points)
      values.push_back(get(point));
  };
  using Point = const fleet::Point&;
  list("time", [](Point point) { return point.time; });
  list("desired", [](Point point) { return point.desired; });
  list("healthy", [](Point point) { return point.healthy; });
  list("instances", [](Point point) { return point.instances; });
  list("requests_per_second", [](Point point) { return rounded(point.requests); });
  list("errors_per_second", [](Point point) { return rounded(point.errors); });
  list("response_ms", [](Point point) { return rounded(point.response_ms); });
  list("cpu_share", [](Point point) { return rounded(point.cpu); });
  list("connections", [](Point point) { return point.connections; });
  list("memory", [](Point point) { return point.memory; });
  return document.dump();
}

std::string metrics(const Snapshot& snapshot) {
  Writer writer(snapshot.status);
  write_fleet(writer, snapshot.status);
  write_instances(writer);
  return writer.text();
}

bool is_loopback(const std::string& host) {
  std::string name = host;
  const auto colon = name.rfind(':');
  const bool port = colon != std::string::npos &&
                    name.find_first_not_of("0123456789", colon + 1) == std::string::npos &&
                    name.find(']', colon) == std::string::npos;
  if (port)
    name.resize(colon);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name == "127.0.0.1" || name == "localhost" || name == "[::1]";
}

}  // namespace vmfleet::dashboard
