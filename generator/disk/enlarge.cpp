#include "disk/enlarge.hpp"

#include <fmt/format.h>
#include <libfdisk.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "disk/root.hpp"
#include "filesystem/block_device.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::disk {

namespace fs = std::filesystem;

namespace {

struct ContextRelease {
  void operator()(fdisk_context* context) const { fdisk_unref_context(context); }
};
struct PartitionRelease {
  void operator()(fdisk_partition* partition) const { fdisk_unref_partition(partition); }
};

void check(int status, const char* what) {
  if (status < 0)
    throw support::failure(fmt::format("failed to {} of the larger disk: {}", what, std::strerror(-status)));
}

/// Writes the table for the disk as large as it is now; the root, when there is one to grow, up to its end.
/// Returns the root's size in bytes.
std::uint64_t write_table(const fs::path& raw, const Volume* root) {
  const std::unique_ptr<fdisk_context, ContextRelease> context(fdisk_new_context());
  check(fdisk_assign_device(context.get(), raw.c_str(), 0), "open the table");
  std::uint64_t size = 0;
  if (root) {
    const std::uint64_t start = root->partition.offset / kSector;
    const std::uint64_t end =
        (fdisk_get_last_lba(context.get()) + 1) * kSector / kAlignment * kAlignment / kSector;
    size = std::max(root->partition.size, (end - start) * kSector);
    const std::unique_ptr<fdisk_partition, PartitionRelease> partition(fdisk_new_partition());
    check(fdisk_partition_set_start(partition.get(), start), "place a partition");
    check(fdisk_partition_set_size(partition.get(), size / kSector), "size a partition");
    check(fdisk_set_partition(context.get(), static_cast<std::size_t>(root->number) - 1, partition.get()),
          "enlarge the root partition");
  }
  check(fdisk_write_disklabel(context.get()), "write the table");
  check(fdisk_deassign_device(context.get(), 1), "write the table");
  return size;
}

/// What is not a hole of `size` bytes, from one place to another.
void copy(const fs::path& from, std::uint64_t from_offset, const fs::path& to, std::uint64_t to_offset,
          std::uint64_t size) {
  filesystem::RawFile source(from, filesystem::DeviceAccess::Read);
  filesystem::RawFile target(to, filesystem::DeviceAccess::Write);
  std::string buffer(1 << 20, '\0');
  for (const auto& extent : source.data()) {
    const std::uint64_t end = std::min(extent.offset + extent.size, from_offset + size);
    for (std::uint64_t at = std::max(extent.offset, from_offset); at < end;) {
      support::check_interrupt();
      const auto part = std::min<std::uint64_t>(buffer.size(), end - at);
      source.read(at, buffer.data(), part);
      target.write(at - from_offset + to_offset, buffer.data(), part);
      at += part;
    }
  }
}

/// In a file of its own: resize2fs makes the file that it works on as large as the file system is.
void grow_filesystem(const fs::path& raw, const Partition& root, std::uint64_t size) {
  const support::TempDir work(raw.parent_path());
  const fs::path alone = work.path() / "root";
  support::write_file_atomic(alone, "");
  fs::resize_file(alone, size);
  copy(raw, root.offset, alone, 0, root.size);
  // -f: it was left in order, which was looked at before.
  support::run_checked(
      {.argv = {"resize2fs", "-f", alone.string()}, .environment = {{"E2FSPROGS_FAKE_TIME", "1"}}});
  copy(alone, 0, raw, root.offset, fs::file_size(alone));
}

}  // namespace

bool can_grow(const Layout& layout, const Volume& root) {
  constexpr int kPrimary = 4;  // logical partitions lie in another one, which would have to grow as well
  return (layout.table != Table::Mbr || root.number <= kPrimary) &&
         std::all_of(layout.volumes.begin(), layout.volumes.end(),
                     [&](const Volume& volume) { return volume.partition.offset <= root.partition.offset; });
}

Enlarged enlarge(const fs::path& raw, std::uint64_t size, const std::string& name) {
  Layout layout;
  Volume root;
  {
    filesystem::RawFile device(raw, filesystem::DeviceAccess::Read);
    layout = read_layout(device, name);
    root = find_root(device, layout, name);
  }
  fs::resize_file(raw, size / kSector * kSector);
  const bool grows = can_grow(layout, root);
  std::uint64_t root_size = size - root.partition.offset;
  if (layout.table != Table::None)
    root_size = write_table(raw, grows ? &root : nullptr);
  if (!grows)
    return Enlarged::DiskOnly;
  grow_filesystem(raw, root.partition, root_size);
  return Enlarged::WithRoot;
}

}  // namespace vmimage::disk
