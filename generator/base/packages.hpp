#pragma once
// Where a base's packages come from: what the archives offered when they were last looked at, or a lock.
// Their files are kept in the cache, each by its SHA-256, so that a build of today can be made again.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/apt.hpp"
#include "cache/cache.hpp"
#include "recipe/lock.hpp"
#include "support/progress.hpp"

namespace vmimage::base {

using Progress = support::Report;  ///< what is done now

/// What a recipe says about where packages come from.
struct PackageOrigin {
  std::optional<std::string> mirror = std::nullopt;  ///< absent: the host's own
  std::shared_ptr<const recipe::Lock> lock =
      nullptr;  ///< null: what the archives offered when last looked at
  View view = View::Build;
  std::string kernel = "cloud";  ///< as in the recipe
};

class Packages {
 public:
  Packages(const cache::Cache& cache, Suite suite, PackageOrigin origin);

  /// The base's own packages, with what they depend on, sorted by name; with a lock those of the lock.
  std::vector<recipe::Pin> base(const std::vector<std::string>& names) const;
  /// The base's own packages and more, with all that they depend on; with a lock the whole lock, which must
  /// have them. Throws Error{Usage} for a package that is not to be had.
  std::vector<recipe::Pin> with(const std::vector<std::string>& base,
                                const std::vector<std::string>& added) const;
  /// Packages by themselves, in the order asked for. With a name like "linux-image-cloud-amd64>linux-image-"
  /// comes the package beginning like that which the first depends on; with one more '>' what that depends
  /// on.
  std::vector<recipe::Pin> boot(const std::vector<std::string>& names) const;

  /// The files of packages, in their order: out of the cache, where each is checked, else downloaded at once.
  /// Throws Error{Usage} for one that is nowhere to be had any more, or whose bytes differ from its SHA-256.
  std::vector<std::filesystem::path> fetch(const std::vector<recipe::Pin>& pins,
                                           const Progress& progress) const;

  const std::string& vendor() const { return suite_.vendor; }
  const std::string& kernel() const { return origin_.kernel; }

 private:
  std::vector<recipe::Pin> remembered(const std::string& what, const std::vector<std::string>& names,
                                      const std::function<std::vector<recipe::Pin>(Index&)>& find) const;
  const cache::Cache& cache_;
  Suite suite_;
  PackageOrigin origin_;
};

/// "name version", for messages.
std::string title(const recipe::Pin& pin);

}  // namespace vmimage::base
