#include "fleet/memory.hpp"

#include <fmt/format.h>

#include <sstream>

#include "support/error.hpp"

namespace vmfleet::fleet {

using vmimage::recipe::format_size;

std::uint64_t available_memory(const std::string& meminfo) {
  std::istringstream lines(meminfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t kibibytes = 0;
    if (words >> name >> kibibytes && name == "MemAvailable:")
      return kibibytes << 10;
  }
  throw vmimage::support::failure("failed to find out how much memory this machine has available");
}

void require_memory(const Spec& spec, int count, const recipe::Size& size, std::uint64_t available,
                    std::uint64_t had) {
  const std::uint64_t needed = static_cast<std::uint64_t>(count) * size.memory;
  if (spec.overcommit || needed <= available + had)
    return;
  throw vmimage::support::invalid(
      fmt::format("'{}' asks for more memory than there is: {} × {} is {}, and this machine has {} for it",
                  spec.name, count, format_size(size.memory), format_size(needed),
                  format_size(available + had)),
      "ask for fewer (--count) or smaller (--memory) instances; or let them have it all the same: "
      "--overcommit");
}

}  // namespace vmfleet::fleet
