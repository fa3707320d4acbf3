#include "base/base.hpp"

#include <fmt/format.h>

#include "support/error.hpp"

namespace vmimage::base {

namespace {

Base open_kind(const cache::Cache& cache, const std::string& name, const std::vector<std::string>& packages,
               const PackageOrigin& origin, const Progress& progress) {
  const std::string debian = "debian:";
  if (name.starts_with(debian))
    return debian_base(cache, name.substr(debian.size()), packages, origin, progress);
  if (name == "minimal")
    return minimal_base(cache, origin, progress);
  throw support::invalid("unknown base '" + name + "'",
                         "known are debian:<suite> (like debian:bookworm) and minimal");
}

}  // namespace

Base open_base(const cache::Cache& cache, const std::string& name, const std::vector<std::string>& packages,
               const PackageOrigin& origin, const Progress& progress) {
  if (origin.lock && origin.lock->base != name)
    throw support::invalid(fmt::format("the lock is for the base {}, not for {}", origin.lock->base, name),
                           "take another lock, or make one for this base: vmimage base lock " + name);
  Base base = open_kind(cache, name, packages, origin, progress);
  if (origin.lock)
    base.lock_digest = recipe::lock_digest(*origin.lock);
  return base;
}

}  // namespace vmimage::base
