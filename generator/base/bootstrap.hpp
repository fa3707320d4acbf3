#pragma once
// A root tree out of packages, made by dpkg in the user namespace of mmdebstrap(1), and kept in the cache.

#include <filesystem>
#include <string>
#include <vector>

#include "base/packages.hpp"
#include "cache/cache.hpp"
#include "recipe/manifest.hpp"

namespace vmimage::base {

/// What a tree is made of.
struct TreePlan {
  std::string name;                       ///< of the base, for messages
  std::vector<recipe::Pin> packages;      ///< what is installed, with all that it depends on; sorted by name
  std::filesystem::path below = {};       ///< tree entry that the packages go on top of; empty: from nothing
  std::vector<std::string> path_filters;  ///< lines of dpkg.cfg(5): path-exclude=…, path-include=…
};

/// The tree's folder in the cache: root.tar, its SHA-256 ("digest"), and out of it dpkg's database ("status")
/// and the packages' licences ("licenses"). No network is needed for packages that are in the cache.
std::filesystem::path package_tree(const cache::Cache& cache, const TreePlan& plan, const Packages& packages,
                                   const Progress& progress);

/// The packages that are installed in a tree of package_tree(), with their licences.
std::vector<recipe::Package> installed_packages(const std::filesystem::path& tree);

}  // namespace vmimage::base
