#include "disk/boot_loader.hpp"

#include <algorithm>

#include "filesystem/block_device.hpp"
#include "inspect/reader.hpp"
#include "support/bytes.hpp"
#include "support/error.hpp"
#include "support/text.hpp"

namespace vmimage::disk {

namespace {

constexpr std::size_t kCode = 440;  // bytes of it in a master boot record, protective ones too

bool is_efi_system(const Volume& volume) {
  return volume.partition.type == kEfiSystemType || volume.partition.type == "0xef";
}

}  // namespace

bool has_boot_code(std::string_view sector) {
  return sector.size() >= kSector && sector.substr(510, 2) == "\x55\xaa" &&
         sector.substr(0, kCode).find_first_not_of('\0') != std::string_view::npos;
}

BootLoaders find_boot_loaders(filesystem::BlockDevice& device, const Layout& layout) {
  BootLoaders loaders;
  loaders.table = layout.table;
  std::string sector(kSector, '\0');
  device.read(0, sector.data(), sector.size());
  loaders.boot_code = has_boot_code(sector);
  for (const auto& volume : layout.volumes) {
    loaders.bios_partition = loaders.bios_partition || volume.partition.type == kBiosBootType;
    if (!is_efi_system(volume) || volume.filesystem != "vfat")
      continue;
    inspect::open_reader(device, volume, "EFI system partition")
        ->walk("/",
               [&](const filesystem::Entry& entry) { loaders.efi_files.insert(support::upper(entry.path)); });
  }
  return loaders;
}

std::vector<std::string> firmware_for(const BootLoaders& loaders) {
  std::vector<std::string> firmware;
  const bool efi = loaders.efi_files.contains("/EFI/BOOT/BOOTX64.EFI");
  // Tools that write a GUID partition table put code there too which only says that nothing boots.
  if (loaders.boot_code && (loaders.table != Table::Gpt || loaders.bios_partition || !efi))
    firmware.push_back("bios");
  if (efi)
    firmware.push_back("uefi");
  return firmware;
}

ExtState read_ext_state(filesystem::BlockDevice& device, std::uint64_t offset) {
  constexpr std::uint64_t kAt = 1024;
  std::string superblock(1024, '\0');
  device.read(offset + kAt, superblock.data(), superblock.size());
  return ext_state(superblock);
}

ExtState ext_state(std::string_view superblock) {
  constexpr std::uint64_t kRecover = 0x4, k64Bit = 0x80;      // of s_feature_incompat
  constexpr std::uint64_t kUnmounted = 0x1, kErrors = 0x2;    // of s_state
  constexpr std::uint64_t kQuota = 0x100, kBigalloc = 0x200;  // of s_feature_ro_compat
  const auto little_endian = [&](std::size_t at, std::size_t count) {
    return support::little_endian(superblock.substr(at, count));
  };
  const std::uint64_t writing = little_endian(0x64, 4);
  const std::uint64_t incompatible = little_endian(0x60, 4);
  const std::uint64_t state = little_endian(0x3a, 2);
  std::uint64_t blocks = little_endian(0x4, 4), free = little_endian(0xc, 4);
  if (incompatible & k64Bit) {
    blocks |= little_endian(0x150, 4) << 32;
    free |= little_endian(0x158, 4) << 32;
  }
  const std::uint64_t block = 1024ull << std::min<std::uint64_t>(little_endian(0x18, 4), 6);
  return {blocks * block, free * block,
          (incompatible & kRecover) != 0 || (state & (kUnmounted | kErrors)) != kUnmounted,
          writing & kQuota      ? "quota"
          : writing & kBigalloc ? "bigalloc"
                                : ""};
}

}  // namespace vmimage::disk
