#pragma once
// Small things about text. Letters are ASCII's, whatever the locale of who runs us.

#include <algorithm>
#include <string>
#include <vector>

namespace vmimage::support {

inline std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

inline std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

/// The last line that is not blank, without what ends it.
inline std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \r\n");
  if (end == std::string::npos)
    return {};
  const auto before = text.find_last_of('\n', end);
  const auto start = before == std::string::npos ? 0 : before + 1;
  return text.substr(start, end + 1 - start);
}

/// The parts between the marks; one more than there are marks.
inline std::vector<std::string> split(const std::string& text, char mark) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(mark, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace vmimage::support
