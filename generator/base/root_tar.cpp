// A root file system that comes as a tar archive (docker export, mmdebstrap, …): the tree of a disk with our
// kernel and boot loaders.

#include <fmt/format.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/guest_files.hpp"
#include "base/pinning.hpp"
#include "filesystem/block_device.hpp"
#include "rootfs/tarball.hpp"
#include "support/archive.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::base {

using filesystem::Ext4;
namespace fs = std::filesystem;

namespace {

constexpr const char* kRootTarVersion = "root tar 1";  // raise when the same archive is described otherwise
constexpr std::uint64_t kLeastDisk = 2ull << 30;
constexpr std::uint64_t kRoom = 512ull << 20;   // for kernel modules, the service, and what it writes
constexpr std::uint64_t kPerMember = 16 << 10;  // as mke2fs(8) gives inodes

/// Bytes of a file system with room for what is in the archive, and as much again.
std::uint64_t room_for(const BaseFile& file) {
  std::uint64_t bytes = 0;
  try {
    support::read_tar(file.path, [&](support::ArchiveEntry& entry) {
      bytes += entry.size() + kPerMember;
      while (!entry.next_block().empty())
        support::check_interrupt();
    });
  } catch (const support::Error& error) {
    if (error.kind() != support::ErrorKind::Failure)
      throw;
    throw support::invalid(fmt::format("failed to use '{}' as base: {}", file.name(), error.what()),
                           "it may be incomplete; fetch or make it again");
  }
  constexpr std::uint64_t kUnit = 256ull << 20;
  return (std::max(kLeastDisk, 2 * bytes + kRoom) + kUnit - 1) / kUnit * kUnit;
}

/// The tree is written into a file system of its own, which finds out whether that can be, and is looked at.
System look_into(const BaseFile& file, std::uint64_t size, const fs::path& folder) {
  const support::TempDir work(folder);
  const fs::path image = work.path() / "root";
  support::write_file_atomic(image, "");
  fs::resize_file(image, size);
  disk::Volume volume;
  volume.partition.size = size;
  volume.filesystem = "ext4";
  filesystem::format_ext4(image, 0, size, "root", disk::derived_uuid(file.sha256), 1);
  filesystem::RawFile device(image, filesystem::DeviceAccess::Write);
  Ext4 root(device, 0, Ext4::Access::Write, 1);
  rootfs::write_tar(root, file.path);
  root.close();
  return look_at(*inspect::open_reader(device, volume, file.name()), KernelOf::Kit, file.name());
}

}  // namespace

Base root_tar_base(const cache::Cache& cache, const BaseFile& file, const PackageOrigin& origin,
                   const Progress& progress) {
  const fs::path entry = cache.entry("base", system_key(file, kRootTarVersion), [&](const fs::path& folder) {
    progress("looking into " + file.name());
    const std::uint64_t size = room_for(file);
    support::json document = to_json(look_into(file, size, folder));
    document["size"] = size;
    require_unchanged(file);
    support::write_file_atomic(folder / "system.json", document.dump(2));
  });
  const support::json document =
      support::parse_json(support::read_file(entry / "system.json"), "system.json");
  Base base = base_of(file, parse_system(document), progress);
  base.kit = boot_kit(cache, Packages(cache, suite_of("minimal"), origin), progress);
  base.default_disk = document.at("size");
  base.populate = [file, kit = base.kit](Ext4& root) {
    rootfs::write_tar(root, file.path);
    write_modules(root, kit);
    require_unchanged(file);
  };
  return base;
}

}  // namespace vmimage::base
