#pragma once
// The service's program: is it there, and can the image run it?

#include <string>

#include "filesystem/ext4.hpp"
#include "recipe/recipe.hpp"
#include "rootfs/tree.hpp"

namespace vmimage::image {

/// What can be known before any base is made. Throws Error{Usage} when the program is in the tree and is
/// neither an ELF program for this machine's kind nor a script, or when nothing could bring it.
void check_programs(const recipe::Recipe& recipe, const rootfs::Tree& tree);

/// Absolute path of the program in the image: from the tree, or brought by the base and its packages. Throws
/// Error{Usage} when it is in neither, is not executable, or is a script whose interpreter is missing.
std::string locate_program(const recipe::Recipe& recipe, const rootfs::Tree& tree,
                           const filesystem::Ext4& root);

}  // namespace vmimage::image
