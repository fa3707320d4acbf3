#pragma once
// What on a disk firmware can start: boot code for BIOS, a boot loader on the EFI system partition.

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "disk/layout.hpp"

namespace vmimage::disk {

struct BootLoaders {
  Table table = Table::None;
  bool boot_code = false;           ///< in the first sector
  bool bios_partition = false;      ///< a BIOS boot partition, where GRUB goes on
  std::set<std::string> efi_files;  ///< of the EFI system partition, as firmware names them, in upper case
};

BootLoaders find_boot_loaders(filesystem::BlockDevice& device, const Layout& layout);

/// "bios" and "uefi", as far as they start the disk; the one that does it faster first. Pure.
std::vector<std::string> firmware_for(const BootLoaders& loaders);

/// The first sector has code before its partition table. Pure.
bool has_boot_code(std::string_view sector);

/// What the superblock of an ext file system says (kernel docs, filesystems/ext4/super). Pure.
struct ExtState {
  std::uint64_t size = 0;  ///< bytes of the file system
  std::uint64_t free = 0;  ///< bytes of it that nothing takes
  bool needs_recovery = false;
  std::string beyond_us;  ///< a feature of it that we would not keep right; empty: none
};
ExtState ext_state(std::string_view superblock);
/// The same of the file system at this offset.
ExtState read_ext_state(filesystem::BlockDevice& device, std::uint64_t offset);

}  // namespace vmimage::disk
