// Which file systems a disk has and which is the root, on disks made by sfdisk(8), mke2fs(8) and mkfs.fat(8).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "disk/root.hpp"
#include "expect.hpp"
#include "filesystem/block_device.hpp"
#include "filesystem/ext4.hpp"
#include "support/file.hpp"

namespace vmimage::disk {
namespace {

namespace fs = std::filesystem;
using filesystem::DeviceAccess;
using filesystem::Ext4;
using filesystem::RawFile;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr const char* kLinux = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
constexpr const char* kUuid = "0c1d2e3f-0000-4000-8000-000000000001";

template <typename Action>
void expect_invalid(Action action, const std::string& part) {
  const support::Error error = error_of(action);
  EXPECT_EQ(error.kind(), support::ErrorKind::Usage);
  EXPECT_TRUE(contains(error.what(), part)) << error.what();
}

class DiskRoot : public testing::Test {
 protected:
  fs::path disk() const { return work_.path() / "disk.raw"; }

  void make_file(std::uint64_t size) {
    support::write_file_atomic(disk(), "");
    fs::resize_file(disk(), size);
  }
  /// Partition tables as sfdisk writes them.
  void table(const std::string& script) {
    make_file(128 * kMiB);
    support::run_checked(
        {.argv = {"sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", disk().string()}, .input = script});
  }
  void make_ext4(std::uint64_t offset, const std::string& label, const std::string& file = {}) {
    filesystem::format_ext4(disk(), offset, 16 * kMiB, label, kUuid, 1);
    if (file.empty())
      return;
    RawFile device(disk(), DeviceAccess::Write);
    Ext4 files(device, offset, Ext4::Access::Write, 1);
    files.write_file(file, {}, "NAME=Test\n");
    files.close();
  }
  void make_fat(std::uint64_t offset) {
    support::run_checked({.argv = {"mkfs.fat", "-n", "BOOT", "--offset", std::to_string(offset / kSector),
                                   disk().string(), "4096"}});
  }
  Layout layout() const {
    RawFile device(disk(), DeviceAccess::Read);
    return read_layout(device, "disk.raw");
  }
  Volume root() const {
    RawFile device(disk(), DeviceAccess::Read);
    const Layout found = read_layout(device, "disk.raw");
    return find_root(device, found, "disk.raw");
  }

  support::TempDir work_;
};

TEST_F(DiskRoot, HasTheRootType) {
  table(fmt::format("label: gpt\nsize=16M, type={}, name=data\nsize=4M, type={}\nsize=16M, type={}\n", kLinux,
                    kEfiSystemType, kRootX8664Type));
  make_ext4(1 * kMiB, "root", "/etc/os-release");
  make_fat(17 * kMiB);
  make_ext4(21 * kMiB, "other");
  const Layout found = layout();
  ASSERT_EQ(found.volumes.size(), 3u);
  EXPECT_EQ(found.table, Table::Gpt);
  EXPECT_EQ(found.volumes[1].filesystem, "vfat");
  EXPECT_EQ(found.volumes[1].label, "BOOT");
  EXPECT_EQ(root().number, 3);
  EXPECT_EQ(root().uuid, kUuid);
}

TEST_F(DiskRoot, IsNamedRoot) {
  table(fmt::format("label: gpt\nsize=16M, type={0}\nsize=16M, type={0}, name=root\n", kLinux));
  make_ext4(1 * kMiB, "boot", "/etc/os-release");
  make_ext4(17 * kMiB, "any");
  EXPECT_EQ(root().number, 2);
}

TEST_F(DiskRoot, HoldsASystem) {
  table(fmt::format("label: gpt\nstart=1M, size=16M, type={0}\n5: start=20M, size=16M, type={0}\n", kLinux));
  make_ext4(1 * kMiB, "boot", "/grub/grub.cfg");
  make_ext4(20 * kMiB, "system", "/sbin/init");
  EXPECT_EQ(root().number, 5);
  EXPECT_EQ(root().partition.offset, 20 * kMiB);
}

TEST_F(DiskRoot, IsInAnMbr) {
  table(
      "label: dos\nsize=16M, type=83\nsize=80M, type=5\nstart=20M, size=16M, type=83\nstart=40M, size=16M, "
      "type=83\n");
  make_ext4(1 * kMiB, "boot");
  make_ext4(40 * kMiB, "system", "/usr/lib/os-release");
  const Layout found = layout();
  EXPECT_EQ(found.table, Table::Mbr);
  ASSERT_EQ(found.volumes.size(), 3u);
  EXPECT_EQ(found.volumes[1].number, 5);
  EXPECT_EQ(found.volumes[1].partition.offset, 20 * kMiB);
  EXPECT_EQ(root().number, 6);
  EXPECT_EQ(root().partition.type, "0x83");
}

TEST_F(DiskRoot, IsTheWholeDisk) {
  make_file(16 * kMiB);
  make_ext4(0, "any", "/etc/os-release");
  EXPECT_EQ(layout().table, Table::None);
  EXPECT_EQ(root().number, 0);
}

TEST_F(DiskRoot, IsOfAnotherKind) {
  table(fmt::format("label: gpt\nsize=16M, type={}\n", kRootX8664Type));
  make_fat(1 * kMiB);
  expect_invalid([&] { root(); }, "partition 1 (vfat, 'BOOT'), not ext4");
}

TEST_F(DiskRoot, IsNotThere) {
  table(fmt::format("label: gpt\nsize=16M, type={0}\nsize=4M, type={0}\n", kLinux));
  make_ext4(1 * kMiB, "data", "/hello");
  expect_invalid([&] { root(); }, "partition 1 (ext4, 'data'), partition 2 (no known file system)");
}

TEST_F(DiskRoot, IsOnNoDisk) {
  make_file(0);
  expect_invalid([&] { layout(); }, "it has 0 bytes");
  make_file(kMiB);
  expect_invalid([&] { root(); }, "neither a partition table nor a file system");
}

TEST_F(DiskRoot, IsCutOff) {
  table("label: dos\nsize=16M, type=83\nsize=30M, type=83\n");
  fs::resize_file(disk(), 20 * kMiB);
  expect_invalid([&] { layout(); }, "partition 2 lies outside the disk");
}

TEST_F(DiskRoot, IsInARing) {
  table("label: dos\nsize=40M, type=5\nstart=20M, size=16M, type=83\n");
  RawFile device(disk(), DeviceAccess::Write);
  // The second entry of the extended partition's own sector leads to itself: type 5, one sector on.
  const unsigned char entry[16] = {0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0};
  std::uint64_t extended = 0;
  unsigned char first[4];
  device.read(446 + 8, first, 4);
  extended = (first[0] | first[1] << 8 | first[2] << 16) * kSector;
  for (int i = 0; i < 2; ++i) {
    device.write(extended + static_cast<std::uint64_t>(i) * kSector + 446 + 16, entry, sizeof(entry));
    device.write(extended + static_cast<std::uint64_t>(i) * kSector + 510, "\x55\xaa", 2);
  }
  EXPECT_LE(layout().volumes.size(), 200u);
}

TEST_F(DiskRoot, NamesThePartitionsThereAre) {
  table(fmt::format("label: gpt\nsize=16M, type={}\n", kLinux));
  make_ext4(1 * kMiB, "data");
  const Layout found = layout();
  EXPECT_EQ(find_volume(found, 1, "disk.raw").label, "data");
  expect_invalid([&] { find_volume(found, 7, "disk.raw"); }, "has no partition 7");
}

}  // namespace
}  // namespace vmimage::disk
