#pragma once
// What happened to a fleet, for people and programs. Pure.

#include <cstdint>
#include <string>

namespace vmfleet::fleet {

struct Event {
  std::int64_t time = 0;  ///< seconds since the epoch
  std::string event;     ///< a state that an instance entered, or changed | supervised | stopped | gone | …
  std::string instance;  ///< empty: the fleet
  std::string text;
};

std::string to_json_line(const Event& event);
std::string to_line(const Event& event);  ///< for people

}  // namespace vmfleet::fleet
