#pragma once
// A root file system that comes as a tar archive.

#include <filesystem>

#include "filesystem/ext4.hpp"

namespace vmimage::rootfs {

/// Writes a tar's files, folders, links and FIFOs into `root`, with owners, permissions and extended
/// attributes; without devices and sockets, and without what only a running or an installing system has
/// (/dev, /proc, /run, /sys and /tmp, which are left empty; the package manager's caches). Throws
/// Error{Failure}.
void write_tar(filesystem::Ext4& root, const std::filesystem::path& tar);

}  // namespace vmimage::rootfs
