#pragma once
// Which partition of a disk image is the root file system: ours, or a distribution's cloud image.

#include <string>

#include "disk/layout.hpp"

namespace vmimage::disk {

/// The root partition, which holds an ext4 file system (or ext2, ext3) that libext2fs reads. In this order:
/// the one with the type of an x86-64 root (Discoverable Partitions Specification), the one that is called
/// "root" by its partition's or its file system's label, the first ext4 that holds /etc/os-release or an
/// init. Throws Error{Usage} that says what is there instead.
const Volume& find_root(filesystem::BlockDevice& device, const Layout& layout, const std::string& name);

/// The partition with this number (as the kernel counts). Throws Error{Usage} with the numbers that there
/// are.
const Volume& find_volume(const Layout& layout, int number, const std::string& name);

/// Whether libext2fs reads it.
bool is_ext(const Volume& volume);

/// "partition 1 (ext4), partition 15 (vfat)", for messages.
std::string describe(const Layout& layout);

}  // namespace vmimage::disk
