#include "image/room.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/bytes.hpp"
#include "support/error.hpp"

namespace vmimage::image {

namespace fs = std::filesystem;
using filesystem::NodeType;
using support::align_up;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kBesides = 4 * kMiB;  // unit, manifest, user, folders that get longer
constexpr std::uint64_t kBreath = 32 * kMiB;  // of a disk that is enlarged: what the service writes
constexpr std::uint64_t kUnit = 64 * kMiB;    // so that a few bytes more do not make another disk
constexpr std::uint64_t kTablesPerDisk = 16;  // a larger file system has larger tables: less than 1/16

}  // namespace

std::uint64_t room_for(const rootfs::Tree& tree) {
  std::uint64_t bytes = kBesides;
  for (const auto& [path, node] : tree) {
    std::uint64_t size = node.content.size();
    if (node.type == NodeType::File && !node.source.empty())
      size = fs::file_size(node.source);
    bytes += align_up(size, kBlock) + kBlock;
  }
  return bytes;
}

std::uint64_t room_for(const std::vector<base::PackageFile>& files) {
  std::uint64_t bytes = 0;
  for (const auto& file : files)
    bytes += std::max<std::uint64_t>(file.installed, fs::file_size(file.path)) + kBesides;
  return bytes;
}

std::uint64_t enlarged(std::uint64_t disk, std::uint64_t lacking) {
  return align_up(disk + lacking + lacking / (kTablesPerDisk - 1) + kBreath, kUnit);
}

std::uint64_t disk_size(const recipe::Recipe& recipe, const base::Base& base,
                        const std::vector<base::PackageFile>& package_files, const rootfs::Tree& tree) {
  const std::uint64_t size = recipe.disk.value_or(base.default_disk);
  if (!base.brought) {
    const std::uint64_t service = room_for(tree);
    const std::uint64_t room = base.default_disk / 2;  // the rest is for kernel, base and breath
    return recipe.disk || service <= room ? size : enlarged(size, service - room);
  }
  const base::Brought& disk = *base.brought;
  const std::uint64_t needed = room_for(tree) + room_for(package_files);
  std::uint64_t room = disk.free;
  if (disk.grows && size > disk.size)
    room += (size - disk.size) / kTablesPerDisk * (kTablesPerDisk - 1);
  if (needed <= room)
    return size;
  if (disk.grows && !recipe.disk)
    return enlarged(disk.size, needed - disk.free);
  throw support::invalid(
      fmt::format("failed to find room for the service in the base {}: it needs {} MiB, {} MiB are free",
                  base.name, align_up(needed, kMiB) / kMiB, room / kMiB),
      disk.grows ? "give the image a larger DISK, or none"
                 : "its root is not the last partition of the disk and cannot grow: make room in it, or take "
                   "another base");
}

}  // namespace vmimage::image
