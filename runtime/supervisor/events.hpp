#pragma once
// What happened to a fleet: a line of JSON for each event.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace vmfleet::supervisor {

struct Event {
  std::int64_t time = 0;  ///< seconds since the epoch
  std::string event;     ///< a state that an instance entered, or changed | supervised | stopped | gone | …
  std::string instance;  ///< empty: the fleet
  std::string text;
};

/// The file keeps its last events; older ones go.
void append_event(const std::filesystem::path& file, const Event& event);
std::vector<Event> read_events(const std::filesystem::path& file);
std::string to_json_line(const Event& event);
std::string to_line(const Event& event);  ///< for people

}  // namespace vmfleet::supervisor
