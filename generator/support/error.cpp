#include "support/error.hpp"

#include <cerrno>
#include <cstring>

namespace vmimage::support {

void throw_errno(const std::string& what) {
  const int cause = errno;
  throw failure("failed to " + what + ": " + std::strerror(cause));
}

}  // namespace vmimage::support
