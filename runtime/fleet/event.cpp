#include "fleet/event.hpp"

#include <fmt/format.h>

#include "fleet/status.hpp"
#include "support/json.hpp"

namespace vmfleet::fleet {

using vmimage::support::json;

std::string to_json_line(const Event& event) {
  const json document{{"time", to_iso8601(event.time)},
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
  return fmt::format("{}  {:<10}  {}{}{}\n", to_iso8601(event.time), event.event,
                     event.instance.empty() ? "fleet" : event.instance, text.empty() ? "" : ": ", text);
}

}  // namespace vmfleet::fleet
