#pragma once
// A root tree out of packages, made by mmdebstrap(1) in a user namespace, and kept in the cache.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/base.hpp"
#include "cache/cache.hpp"

namespace vmimage::base {

/// What a tree is made of.
struct TreePlan {
  std::string suite;
  std::vector<std::string> packages;      ///< sorted; what they depend on comes along
  std::optional<std::string> mirror;      ///< absent: the host's own
  std::filesystem::path below = {};       ///< tree entry that the packages go on top of; empty: from nothing
  std::vector<std::string> path_filters;  ///< lines of dpkg.cfg(5): path-exclude=…, path-include=…
};

/// The tree's folder in the cache: root.tar, its SHA-256 ("digest") and dpkg's database out of it ("status").
/// Throws Error{Usage} for a package or suite that the mirror does not have.
std::filesystem::path package_tree(const cache::Cache& cache, const TreePlan& plan, const Progress& progress);

}  // namespace vmimage::base
