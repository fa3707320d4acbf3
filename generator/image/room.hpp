#pragma once
// How large an image's disk is: as asked for, as the base has it, or as much larger as the service needs.

#include <cstdint>

#include "base/base.hpp"
#include "base/package_files.hpp"
#include "recipe/recipe.hpp"
#include "rootfs/tree.hpp"

namespace vmimage::image {

/// Bytes. Throws Error{Usage} when a disk that the base brought has no room for packages and tree and cannot
/// get it.
std::uint64_t disk_size(const recipe::Recipe& recipe, const base::Base& base,
                        const std::vector<base::PackageFile>& package_files, const rootfs::Tree& tree);

/// Bytes that a tree takes in a file system, with what every image gets besides.
std::uint64_t room_for(const rootfs::Tree& tree);

/// The same of packages that are to be installed.
std::uint64_t room_for(const std::vector<base::PackageFile>& files);

/// The size of a disk whose root file system needs so much more than it has. Pure.
std::uint64_t enlarged(std::uint64_t disk, std::uint64_t lacking);

}  // namespace vmimage::image
