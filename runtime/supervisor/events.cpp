#include "supervisor/events.hpp"

#include <fstream>

#include "support/json.hpp"

namespace vmfleet::supervisor {

namespace fs = std::filesystem;
using fleet::Event;
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
  std::ofstream(file, std::ios::app) << fleet::to_json_line(event) << std::flush;
}

std::vector<Event> read_events(const fs::path& file) {
  std::vector<Event> events;
  read_into(older(file), events);
  read_into(file, events);
  return events;
}

}  // namespace vmfleet::supervisor
