#include "command/user_cache.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "recipe/service.hpp"
#include "support/error.hpp"

namespace vmimage::command {

namespace {

constexpr std::uint64_t kDefaultBound = 20ull << 30;

/// Bytes; 0: none.
std::uint64_t bound() {
  const char* text = std::getenv("VMIMAGE_CACHE_SIZE");
  if (!text || !*text)
    return kDefaultBound;
  if (std::string(text) == "0")
    return 0;
  try {
    return recipe::parse_size(text);
  } catch (const support::Error& error) {
    throw support::invalid(fmt::format("VMIMAGE_CACHE_SIZE is '{}'", text), error.hint() + "; 0 is no bound");
  }
}

}  // namespace

cache::Cache open_cache() {
  bound();  // a wrong one is told before any work is done
  return cache::Cache({}, [](const std::string& line) {
    const char* clear = ::isatty(STDERR_FILENO) != 0 ? "\r\033[K" : "";  // what Progress shows there
    fmt::print(stderr, "{}{}: {}\n", clear, program_invocation_short_name, line);
  });
}

void keep_bound(const cache::Cache& cache) {
  if (cache.grew() && bound() != 0)
    cache.prune(bound());
}

}  // namespace vmimage::command
