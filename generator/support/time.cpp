#include "support/time.hpp"

#include <cstdio>

namespace vmimage::support {

std::optional<std::time_t> parse_time(const std::string& text) {
  std::tm time{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (!rest)
    return std::nullopt;
  while (*rest == '.' || (*rest >= '0' && *rest <= '9'))
    ++rest;
  int hours = 0, minutes = 0;
  if ((*rest == '+' || *rest == '-') && std::sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2)
    return std::nullopt;
  const std::time_t offset = (hours * 60 + minutes) * 60;
  return ::timegm(&time) - (*rest == '-' ? -offset : offset);
}

}  // namespace vmimage::support
