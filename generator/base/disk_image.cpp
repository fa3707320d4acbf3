// A disk image as base: a distribution's cloud image, or one of ours. Its disk is copied once into the cache;
// kernel, boot loader and all else stay what they are.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/file.hpp"
#include "disk/boot_loader.hpp"
#include "disk/enlarge.hpp"
#include "disk/root.hpp"
#include "format/check.hpp"
#include "format/format.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::base {

using filesystem::BlockDevice;
using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr const char* kDiskImageVersion = "disk image 2";  // raise when the same image is described otherwise

/// Its bytes are all that there is of it: another file that it names would be neither in its digest, nor
/// always there.
void require_alone(const format::Source& source) {
  if (source.part.size > 0 || source.driver == "raw")
    return;
  std::vector<std::string> argv{"qemu-img", "info", "--output=json"};
  if (!source.driver.empty())
    argv.insert(argv.end(), {"-f", source.driver});
  argv.push_back(source.file.string());
  const auto result = support::run({.argv = argv});
  const std::string name = source.image.string();
  if (!result.ok())
    throw invalid(fmt::format("failed to read the disk image '{}': {}", name, support::one_line(result.err)),
                  "it may be incomplete; fetch or make it again");
  const support::json info = support::parse_json(result.out, "qemu-img");
  if (info.value("encrypted", false))
    throw invalid(fmt::format("failed to use '{}' as base: the disk image is encrypted", name),
                  "give it without encryption");
  const support::json none = support::json::object();
  const support::json details = info.value("format-specific", none).value("data", none);
  bool others = info.contains("backing-filename") || details.contains("data-file");
  for (const auto& extent : details.value("extents", support::json::array()))
    others = others || extent.value("filename", "") != source.file.string();
  if (others)
    throw invalid(fmt::format("failed to use '{}' as base: a part of its disk is in another file", name),
                  "make one file of it: qemu-img convert -O qcow2");
}

format::Source find_source(const fs::path& path) {
  format::Source source = format::find_disk(path);
  if (source.driver.empty()) {  // without a boot sector there may be something all the same
    filesystem::RawFile file(path, filesystem::DeviceAccess::Read);
    disk::Volume whole;
    whole.partition.size = file.size();
    disk::identify(file, whole);
    if (!whole.filesystem.empty())
      source.format = source.driver = "raw";
  }
  require_alone(source);
  return source;
}

/// What stands there instead of a root that we write.
[[noreturn]] void explain(const support::Error& error, const disk::Layout& layout, const std::string& name) {
  const auto refuse = [&](const std::string& why, const std::string& hint) {
    throw invalid(
        fmt::format("failed to use '{}' as base: {} (it has {})", name, why, disk::describe(layout)), hint);
  };
  const auto has = [&](const std::string& kind) {
    return std::any_of(layout.volumes.begin(), layout.volumes.end(),
                       [&](const auto& volume) { return volume.filesystem == kind; });
  };
  for (const char* kind : {"crypto_LUKS", "BitLocker"})
    if (has(kind))
      refuse("its root file system is encrypted", "take an image without encryption");
  for (const char* kind : {"xfs", "btrfs", "LVM2_member", "f2fs", "zfs_member", "squashfs", "erofs"})
    if (has(kind))
      refuse(fmt::format("its root file system is not ext4 but in {}", kind),
             "take an image with an ext4 (ext3, ext2) root, or its root file system as a tar archive");
  throw error;
}

const disk::Volume& root_of(BlockDevice& device, const disk::Layout& layout, const std::string& name) {
  try {
    return disk::find_root(device, layout, name);
  } catch (const support::Error& error) {
    if (error.kind() != support::ErrorKind::Usage)
      throw;
    explain(error, layout, name);
  }
}

/// The file system is whole and was left in order: what is in its journal would be put over what we write.
disk::ExtState require_clean(BlockDevice& device, const disk::Volume& root, const std::string& name) {
  const disk::ExtState state = disk::read_ext_state(device, root.partition.offset);
  if (state.size > root.partition.size)
    throw invalid(fmt::format("'{}' is cut off: its root file system has {} bytes, of which {} are there",
                              name, state.size, root.partition.size),
                  "fetch or make it again");
  if (state.needs_recovery)
    throw invalid(fmt::format("failed to use '{}' as base: its root file system was not unmounted", name),
                  "boot it once and power it off, or let e2fsck(8) put it in order");
  if (!state.beyond_us.empty())  // libext2fs would not count what we write
    throw invalid(fmt::format("failed to use '{}' as base: its root file system has the feature '{}'", name,
                              state.beyond_us),
                  "take an image without it (tune2fs(8)), or its root file system as a tar archive");
  return state;
}

/// An image of ours is started as before. Any other by what its disk has.
recipe::Boot boot_of(BlockDevice& device, const disk::Layout& layout, const inspect::Reader& files,
                     const System& system, const std::string& name) {
  const disk::BootLoaders loaders = disk::find_boot_loaders(device, layout);
  if (const std::string text = inspect::text_of(files, recipe::kManifestPath); !text.empty()) {
    const recipe::Boot boot = recipe::parse_manifest(text, name).boot;
    if (loaders.efi_files.contains(boot.image))
      return boot;
  }
  recipe::Boot boot;
  boot.kernel_version = system.kernel_version;
  boot.firmware = disk::firmware_for(loaders);
  return boot;
}

support::json describe_disk(const BaseFile& file) {
  const format::Source source = find_source(file.path);
  const auto device = format::open_checked(source);
  const disk::Layout layout = disk::read_layout(*device, file.name());
  const disk::Volume& root = root_of(*device, layout, file.name());
  const disk::ExtState state = require_clean(*device, root, file.name());
  const auto files = inspect::open_reader(*device, root, file.name());
  System system = look_at(*files, KernelOf::Itself, file.name());
  const recipe::Boot boot = boot_of(*device, layout, *files, system, file.name());
  if (boot.firmware.empty())
    system.warnings.push_back("it has no boot loader that is known, neither for BIOS nor for UEFI");
  support::json document = to_json(system);
  document["size"] = device->size();
  document["free"] = state.free;
  document["grows"] = disk::can_grow(layout, root);
  document["boot"] = {{"digest", boot.digest},
                      {"kernel_version", boot.kernel_version},
                      {"image", boot.image},
                      {"command_line", boot.command_line},
                      {"firmware", boot.firmware}};
  return document;
}

void write_disk(const BaseFile& file, std::uint64_t own_size, std::uint64_t size, const fs::path& output,
                const Progress& progress) {
  if (size < own_size)
    throw invalid(
        fmt::format("a disk of {} is too small for the base {}, whose disk has {} ({} bytes)",
                    recipe::format_size(size), file.name(), recipe::format_size(own_size), own_size),
        "leave the disk's size out, or give at least that");
  const format::Source source = find_source(file.path);
  const auto meter = [&](std::uint64_t done, std::uint64_t total) { progress.bytes(done, total); };
  if (size == own_size) {
    format::convert(source, format::find("qcow2"), {}, output, meter);
  } else {
    const support::TempDir work(output.parent_path(), ".disk-");
    const fs::path raw = work.path() / "disk.raw";
    support::write_file_atomic(raw, "");
    format::convert(source, format::find("raw"), {}, raw, meter);
    if (disk::enlarge(raw, size, file.name()) == disk::Enlarged::DiskOnly)
      progress(fmt::format("note: {}: its root is not the last partition, and stays as large as it is",
                           file.name()));
    support::run_checked(
        {.argv = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.string(), output.string()}});
  }
  require_unchanged(file);
}

}  // namespace

Base disk_image_base(const cache::Cache& cache, const BaseFile& file, const Progress& progress) {
  const fs::path entry =
      cache.entry("base", system_key(file, kDiskImageVersion), [&](const fs::path& folder) {
        progress("looking into " + file.name());
        const std::string text = describe_disk(file).dump(2);
        require_unchanged(file);
        support::write_file_atomic(folder / "system.json", text);
      });
  const support::json document =
      support::parse_json(support::read_file(entry / "system.json"), "system.json");
  Base base = base_of(file, parse_system(document), progress);
  const support::json& boot = document.at("boot");
  const std::uint64_t own_size = document.at("size");
  base.default_disk = own_size;
  base.brought = Brought{.boot = {boot.at("digest"), boot.at("kernel_version"), boot.at("image"),
                                  boot.at("command_line"), boot.at("firmware")},
                         .size = own_size,
                         .free = document.at("free"),
                         .grows = document.at("grows"),
                         .write = [file, own_size, progress](std::uint64_t size, const fs::path& output) {
                           write_disk(file, own_size, size, output, progress);
                         }};
  return base;
}

}  // namespace vmimage::base
