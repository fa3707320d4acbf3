#include "supervisor/events.hpp"

#include <fmt/format.h>

#include <fstream>

#include "fleet/status.hpp"
#include "support/json.hpp"

namespace vmfleet::supervisor {

namespace fs = std::filesystem;
using vmimage::support::json;

namespace {

constexpr std::uintmax_t kLargest = 1 << 20;  // then the file becomes the older one of two

fs::path older(const fs::path& file) {
  return file.string() + ".1";
}

void read_into(const fs::path& file, std::vector<Event>& events) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    const json document = json::parse(line, nullptr, false);
    if (document.is_object())  // the last line may be cut off
      events.push_back({document.value("seconds", std::int64_t{0}), document.value("event", ""),
                        document.value("instance", ""), document.value("text", "")});
  }
}

}  // namespace

void append_event(const fs::path& file, const Event& event) {
  std::error_code problem;
  if (const auto size = fs::file_size(file, problem); !problem && size > kLargest)
    fs::rename(file, older(file), problem);
  std::ofstream(file, std::ios::app) << to_json_line(event) << std::flush;
}

std::vector<Event> read_events(const fs::path& file) {
  std::vector<Event> events;
  read_into(older(file), events);
  read_into(file, events);
  return events;
}

std::string to_json_line(const Event& event) {
  const json document{{"time", fleet::to_iso8601(event.time)},
                      {"seconds", event.time},
                      {"event", event.event},
                      {"instance", event.instance},
                      {"text", event.text}};
  return document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string to_line(const Event& event) {
  std::string text;
  for (const char c : event.text)
    text += c == '\n' ? std::string("\n    ") : std::string(1, c);
  return fmt::format("{}  {:<10}  {}{}{}\n", fleet::to_iso8601(event.time), event.event,
                     event.instance.empty() ? "fleet" : event.instance, text.empty() ? "" : ": ", text);
}

}  // namespace vmfleet::supervisor
