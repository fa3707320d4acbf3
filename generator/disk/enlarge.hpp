#pragma once
// A raw disk made larger, with what is on it: its partition table, and the root when that comes last.

#include <cstdint>
#include <filesystem>
#include <string>

#include "disk/layout.hpp"

namespace vmimage::disk {

enum class Enlarged { WithRoot, DiskOnly };

/// Whether the root can reach up to the end of a larger disk: nothing comes after it. Pure.
bool can_grow(const Layout& layout, const Volume& root);

/// The partition by libfdisk, its ext file system by resize2fs(8). Nothing else changes, but that the backup
/// of a GUID partition table goes to the disk's new end. `name` is the disk's, for messages.
Enlarged enlarge(const std::filesystem::path& raw, std::uint64_t size, const std::string& name);

}  // namespace vmimage::disk
