#include "machine/serial.hpp"

#include <string_view>

namespace vmimage::machine {

namespace {

constexpr char kEscape = '\x1b';

bool in_range(char c, char first, char last) {
  return c >= first && c <= last;
}

/// The length of the escape sequence that `text` starts with; 1, the escape itself, when it does not end.
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2 || !in_range(text[1], ' ', '~'))
    return 1;
  if (text[1] != '[')
    return 2;
  std::size_t at = 2;
  while (at < text.size() && in_range(text[at], '0', '?'))  // parameters
    ++at;
  while (at < text.size() && in_range(text[at], ' ', '/'))  // intermediate bytes
    ++at;
  return at < text.size() && in_range(text[at], '@', '~') ? at + 1 : 1;
}

}  // namespace

std::string without_control(const std::string& text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == kEscape) {
      at += escape_length(std::string_view(text).substr(at));
      continue;
    }
    const bool control = (static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t') || c == 127;
    if (!control)
      plain += c;
    ++at;
  }
  return plain;
}

std::string last_lines(const std::string& log, int lines) {
  const std::size_t window = 64 * 1024;
  const std::string plain = without_control(log.size() > window ? log.substr(log.size() - window) : log);
  const std::size_t end = plain.find_last_not_of(" \n") + 1;
  std::size_t start = end;
  while (start > 0 && !(plain[start - 1] == '\n' && --lines == 0))
    --start;
  return plain.substr(start, end - start);
}

}  // namespace vmimage::machine
