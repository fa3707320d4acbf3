#pragma once
// A bootable disk: GPT, GRUB for BIOS, a unified kernel image for UEFI, an ext4 root.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/kit.hpp"
#include "filesystem/ext4.hpp"

namespace vmimage::disk {

struct DiskPlan {
  std::uint64_t size = 0;  ///< bytes of the whole disk
  std::string seed;        ///< all identifiers derive from it
  std::int64_t time = 0;   ///< stamps file systems (seconds since the epoch)
};

/// Where things go; a pure function of sizes. Partition 1 is BIOS boot, 2 the EFI system partition, 3 the
/// root.
struct Places {
  std::uint64_t bios_offset, bios_size;
  std::uint64_t esp_offset, esp_size;
  std::uint64_t root_offset, root_size;
};
/// Throws Error{Usage} when the disk is too small for `uki_size` and 16 MiB of root.
Places plan_layout(std::uint64_t disk_size, std::uint64_t uki_size);

/// Writes the disk to `output` as qcow2. `populate` fills the root file system.
void assemble_disk(const DiskPlan& plan, const base::Kit& kit,
                   const std::function<void(filesystem::Ext4&)>& populate,
                   const std::filesystem::path& output);

}  // namespace vmimage::disk
