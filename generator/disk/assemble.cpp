#include "disk/assemble.hpp"

#include <fmt/format.h>

#include "disk/gpt.hpp"
#include "filesystem/block_device.hpp"
#include "recipe/service.hpp"
#include "support/bytes.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::disk {

using support::align_up;
using support::run_checked;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kMinimumRoot = 16 * kMiB;  // the journal takes 4

void put_little_endian(std::string& bytes, std::size_t at, std::uint64_t value, int count) {
  for (int i = 0; i < count; ++i)
    bytes.at(at + static_cast<std::size_t>(i)) = static_cast<char>(value >> (8 * i));
}

/// GRUB's two stages find each other by sector numbers written into them (GRUB's boot.S: kernel_sector at
/// 0x5c; diskboot.S: the block list at the end of the first sector of core.img).
void write_grub(filesystem::BlockDevice& disk, const base::Kit& kit, const Places& layout) {
  std::string core = support::read_file(kit.grub_core());
  core.resize(align_up(core.size(), kSector), '\0');
  if (core.size() > layout.bios_size)
    throw support::failure("failed to write the boot loader: GRUB's core.img is too large");
  const std::uint64_t first = layout.bios_offset / kSector;
  put_little_endian(core, kSector - 12, first + 1, 8);
  disk.write(layout.bios_offset, core.data(), core.size());
  std::string boot = support::read_file(kit.grub_boot());
  put_little_endian(boot, 0x5c, first, 8);
  disk.write(0, boot.data(), 440);  // behind it are the disk's signature and the protective MBR's table
}

/// The EFI system partition as a file of its own: FAT made by mkfs.fat(8), filled by mtools(1).
void make_esp(const fs::path& image, std::uint64_t size, const base::Kit& kit, const DiskPlan& plan) {
  const std::string serial = derived_uuid(plan.seed + "/esp").substr(0, 8);
  const std::map<std::string, std::string> environment{{"SOURCE_DATE_EPOCH", std::to_string(plan.time)},
                                                       {"TZ", "UTC0"},  // FAT tells local time
                                                       {"MTOOLS_SKIP_CHECK", "1"}};
  run_checked({.argv = {"mkfs.fat", "--invariant", "-F", "16", "-n", "ESP", "-i", serial, "-C",
                        image.string(), std::to_string(size / 1024)},
               .environment = environment});
  run_checked({.argv = {"mmd", "-i", image.string(), "::/EFI", "::/EFI/BOOT"}, .environment = environment});
  run_checked({.argv = {"mcopy", "-i", image.string(), kit.uki().string(), "::/EFI/BOOT/BOOTX64.EFI"},
               .environment = environment});
}

void copy_into(filesystem::BlockDevice& disk, std::uint64_t offset, const fs::path& file) {
  filesystem::RawFile source(file, filesystem::DeviceAccess::Read);
  std::string buffer(kMiB, '\0');
  for (std::uint64_t at = 0; at < source.size(); at += buffer.size()) {
    const auto part = std::min<std::uint64_t>(buffer.size(), source.size() - at);
    source.read(at, buffer.data(), part);
    if (buffer.find_first_not_of('\0') < part)
      disk.write(offset + at, buffer.data(), part);  // stays sparse
  }
}

}  // namespace

Places plan_layout(std::uint64_t disk_size, std::uint64_t uki_size) {
  Places layout{};
  layout.bios_offset = kAlignment;
  layout.bios_size = kMiB;
  layout.esp_offset = layout.bios_offset + layout.bios_size;
  layout.esp_size = std::max<std::uint64_t>(align_up(uki_size + 2 * kMiB, 4 * kMiB), 16 * kMiB);
  layout.root_offset = layout.esp_offset + layout.esp_size;
  const std::uint64_t needed = layout.root_offset + kMinimumRoot + kAlignment;
  if (disk_size < needed)
    throw support::invalid(
        fmt::format("a disk of {} is too small for this image", recipe::format_size(disk_size)),
        fmt::format("give at least {}", recipe::format_size(needed)));
  // The last MiB is the table's copy; the end stays aligned so that the root can grow from there.
  layout.root_size = disk_size / kAlignment * kAlignment - kAlignment - layout.root_offset;
  return layout;
}

void assemble_disk(const DiskPlan& plan, const base::Kit& kit,
                   const std::function<void(filesystem::Ext4&)>& populate, const fs::path& output) {
  const Places layout = plan_layout(plan.size, fs::file_size(kit.uki()));
  const support::TempDir work(output.parent_path(), ".disk-");
  const fs::path raw = work.path() / "disk.raw";
  support::write_file_atomic(raw, "");
  fs::resize_file(raw, plan.size);
  const auto uuid = [&](const char* what) { return derived_uuid(plan.seed + "/" + what); };
  write_gpt(raw, uuid("disk"),
            {{"bios", kBiosBootType, uuid("bios"), layout.bios_offset, layout.bios_size},
             {"esp", kEfiSystemType, uuid("esp"), layout.esp_offset, layout.esp_size},
             {"root", kRootX8664Type, uuid("root"), layout.root_offset, layout.root_size}});
  filesystem::format_ext4(raw, layout.root_offset, layout.root_size, "root", uuid("filesystem"), plan.time);
  const fs::path esp = work.path() / "esp.img";
  make_esp(esp, layout.esp_size, kit, plan);
  {
    filesystem::RawFile disk(raw, filesystem::DeviceAccess::Write);
    write_grub(disk, kit, layout);
    copy_into(disk, layout.esp_offset, esp);
    filesystem::Ext4 root(disk, layout.root_offset, filesystem::Ext4::Access::Write, plan.time);
    populate(root);
    root.close();
  }
  run_checked({.argv = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.string(), output.string()}});
}

}  // namespace vmimage::disk
