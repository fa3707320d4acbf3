#pragma once
// Volumes: what of an image finds, makes and mounts the disks that outlive its instances. Pure.

#include <string>

#include "recipe/recipe.hpp"
#include "rootfs/tree.hpp"

namespace vmimage::rootfs {

/// The unit that mounts this folder (systemd.mount(5); its name is escaped as in systemd-escape(1)).
std::string mount_unit_name(const std::string& path);

std::string mount_unit(const recipe::Volume& volume);

/// Adds units, folders and the list of the volumes to the tree; nothing when the recipe has none.
void add_volumes(Tree& tree, const recipe::Recipe& recipe);

}  // namespace vmimage::rootfs
