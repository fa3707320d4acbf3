#include "base/base.hpp"

#include <fmt/format.h>

#include "base/pinning.hpp"
#include "recipe/recipe.hpp"
#include "support/error.hpp"

namespace vmimage::base {

std::optional<std::filesystem::path> file_of(const std::string& name) {
  if (!name.starts_with(recipe::kFileBase))
    return std::nullopt;
  return name.substr(recipe::kFileBase.size());
}

namespace {

Base open_kind(const cache::Cache& cache, const std::string& name, const std::vector<std::string>& packages,
               const PackageOrigin& origin, const Progress& progress) {
  if (name.starts_with("debian:") || name.starts_with("ubuntu:"))
    return debian_base(cache, suite_of(name), packages, origin, progress);
  if (name == "minimal")
    return minimal_base(cache, origin, progress);
  if (const auto file = file_of(name))
    return file_base(cache, *file, origin, progress);
  throw support::invalid(
      "unknown base '" + name + "'",
      "known are debian:<suite> (like debian:bookworm), ubuntu:<suite>, minimal and file:<path>");
}

}  // namespace

Base open_base(const cache::Cache& cache, const std::string& name, const std::vector<std::string>& packages,
               const PackageOrigin& origin, const Progress& progress) {
  if (origin.lock && origin.lock->base != name)
    throw support::invalid(fmt::format("the lock is for the base {}, not for {}", origin.lock->base, name),
                           "take another lock, or make one for this base: vmimage base lock " + name);
  Base base = open_kind(cache, name, packages, origin, progress);
  if (base.brought && origin.kernel != "cloud")
    throw support::invalid(fmt::format("the base {} has a kernel of its own", name), "leave the kernel out");
  if (origin.lock)
    base.lock_digest = recipe::lock_digest(*origin.lock);
  return base;
}

}  // namespace vmimage::base
