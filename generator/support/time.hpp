#pragma once
// Times as services write them (ISO 8601).

#include <ctime>
#include <optional>
#include <string>

namespace vmimage::support {

/// "2026-01-31T12:00:00Z", with an offset, or with neither, which is UTC; parts of seconds are left out.
/// Nothing when it is none.
std::optional<std::time_t> parse_time(const std::string& text);

}  // namespace vmimage::support
