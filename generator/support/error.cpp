#include "support/error.hpp"

#include <cerrno>
#include <cstring>

namespace vmimage::support {

std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 127)
      c = '?';
  return text;
}

void throw_errno(const std::string& what) {
  const int cause = errno;
  throw failure("failed to " + what + ": " + std::strerror(cause));
}

}  // namespace vmimage::support
