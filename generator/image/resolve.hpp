#pragma once
// Which base an image is made on: the recipe's, with the packages that the service's libraries come from.

#include "base/base.hpp"
#include "base/package_files.hpp"
#include "cache/cache.hpp"
#include "recipe/lock.hpp"
#include "recipe/recipe.hpp"
#include "rootfs/tree.hpp"

namespace vmimage::image {

/// The base for the recipe. Libraries of the host that no package of the base brings go into the tree. Throws
/// Error{Usage} when the tree's programs were linked on another suite than the base's.
base::Base resolve(const cache::Cache& cache, const recipe::Recipe& recipe,
                   const std::vector<base::PackageFile>& package_files, rootfs::Tree& tree,
                   const base::Progress& progress);

/// The packages that the recipe names, and those that its programs' libraries come from; sorted.
std::vector<std::string> needed_packages(const cache::Cache& cache, const recipe::Recipe& recipe);

/// Reads a lock. Throws Error{Usage} when it is not there or not right.
recipe::Lock read_lock(const std::filesystem::path& file);

}  // namespace vmimage::image
