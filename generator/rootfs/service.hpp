#pragma once
// How the image's init starts the service. Pure: each gives files for the tree.

#include <string>

#include "recipe/recipe.hpp"
#include "rootfs/tree.hpp"

namespace vmimage::rootfs {

/// Folder that the service owns: its working directory, $HOME and $STATE_DIRECTORY.
std::string state_folder(const recipe::Recipe& recipe);

/// systemd.service(5): unprivileged, restarted on failure, hardened (systemd.exec(5)), log to journal and
/// console.
std::string systemd_unit(const recipe::Recipe& recipe, const std::string& program);

/// The same for busybox's init: a shell script that it respawns.
std::string busybox_script(const recipe::Recipe& recipe, const std::string& program);

/// Adds unit or script and the state folder to the tree. `program` is the absolute path in the image.
void add_service(Tree& tree, const recipe::Recipe& recipe, const std::string& init,
                 const std::string& program);

}  // namespace vmimage::rootfs
