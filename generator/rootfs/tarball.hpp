#pragma once
// A root file system that comes as a tar archive.

#include <filesystem>
#include <string>
#include <vector>

#include "filesystem/ext4.hpp"

namespace vmimage::rootfs {

/// Writes a tar's files, folders, links and FIFOs into `root`, with owners, permissions and extended
/// attributes; without devices and sockets, and without what only a running or an installing system has
/// (/dev, /proc, /run, /sys and /tmp, which are left empty; the package manager's caches). Throws
/// Error{Failure}.
void write_tar(filesystem::Ext4& root, const std::filesystem::path& tar);

/// Writes what changed in a root file system: first these paths go, then what the tar has comes or replaces
/// what is there. Without what programs write that only the time of the change speaks from: the package
/// manager's caches and logs. Returns the paths that came, without folders. Throws Error{Failure}.
std::vector<std::string> write_changes(filesystem::Ext4& root, const std::filesystem::path& tar,
                                       const std::vector<std::string>& removed);

}  // namespace vmimage::rootfs
