#pragma once
// Which base an image is made on: the recipe's, with the packages that the service's libraries come from.

#include "base/base.hpp"
#include "cache/cache.hpp"
#include "recipe/lock.hpp"
#include "recipe/recipe.hpp"
#include "rootfs/tree.hpp"

namespace vmimage::image {

/// The base for the recipe. Libraries of the host that no package of the base brings go into the tree. Throws
/// Error{Usage} when the tree's programs were linked on another suite than the base's.
base::Base resolve(const cache::Cache& cache, const recipe::Recipe& recipe, rootfs::Tree& tree,
                   const base::Progress& progress);

/// Reads a lock. Throws Error{Usage} when it is not there or not right.
recipe::Lock read_lock(const std::filesystem::path& file);

}  // namespace vmimage::image
