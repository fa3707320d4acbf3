// Images on bases that are files: disk images of every format and layout, and root tars. What goes in is
// there, what was there stays as it was, and what cannot be a base is told.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "base/system.hpp"
#include "disk/boot_loader.hpp"
#include "disk/enlarge.hpp"
#include "filesystem/ext4.hpp"
#include "format/format.hpp"
#include "image/build.hpp"
#include "image/room.hpp"
#include "inspect/image.hpp"
#include "support/digest.hpp"
#include "tiny_kit.hpp"
#include "tiny_system.hpp"

namespace vmimage::image {
namespace {

namespace fs = std::filesystem;
using filesystem::DeviceAccess;
using filesystem::Ext4;
using filesystem::RawFile;
using support::read_file;
using support::run_checked;
using support::write_file_atomic;

constexpr std::uint64_t kMiB = 1 << 20;

struct Shape {
  const char* name;
  const char* table;  ///< a script for sfdisk(8)
  std::uint64_t root;
  std::uint64_t size;
  std::vector<std::string> options = {"-t", "ext4"};  ///< for mke2fs(8)
};

const Shape kGpt{"gpt",
                 "label: gpt\nlabel-id: 6FB0C2C6-0000-4000-8000-000000000001\n"
                 "1: start=20M, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root, "
                 "uuid=6FB0C2C6-0000-4000-8000-000000000002\n"
                 "14: start=1M, size=3M, type=21686148-6449-6E6F-744E-656564454649\n"
                 "15: start=4M, size=16M, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\n",
                 20 * kMiB, 40 * kMiB};
const Shape kMbr{"mbr", "label: dos\nlabel-id: 0x12345678\nstart=1M, type=83, bootable\n", kMiB, 40 * kMiB};
const Shape kBare{"bare", "", 0, 40 * kMiB};
const Shape kNotLast{"not-last", "label: dos\nstart=1M, size=40M, type=83\nstart=41M, size=8M, type=82\n",
                     kMiB, 40 * kMiB};

Shape on_mbr(const char* name, const std::vector<std::string>& options) {
  return {name, kMbr.table, kMbr.root, kMbr.size, options};
}

void write_at(const fs::path& file, std::uint64_t offset, const std::string& bytes) {
  RawFile(file, DeviceAccess::Write).write(offset, bytes.data(), bytes.size());
}

std::string read_at(const fs::path& file, std::uint64_t offset, std::uint64_t size) {
  std::string bytes(size, '\0');
  RawFile(file, DeviceAccess::Read).read(offset, bytes.data(), bytes.size());
  return bytes;
}

/// All that a root file system says of each of its files, by path.
std::map<std::string, std::string> files_of(const fs::path& disk, std::uint64_t offset) {
  std::map<std::string, std::string> files;
  RawFile device(disk, DeviceAccess::Read);
  const Ext4 root(device, offset, Ext4::Access::Read);
  root.walk("/", [&](const filesystem::Entry& entry) {
    const auto& about = entry.status;
    std::string content;
    if (about.type == filesystem::NodeType::File)
      root.read(entry, [&](std::string_view bytes) { content += bytes; });
    files[entry.path] =
        fmt::format("{} {:o} {}:{} {} {} {} {}", static_cast<int>(about.type), about.attributes.mode,
                    about.attributes.uid, about.attributes.gid, about.attributes.mtime.value_or(0),
                    about.target, entry.inode, support::sha256(content));
  });
  return files;
}

class BaseFileTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* program : {"sfdisk", "mke2fs", "mkfs.fat", "e2fsck", "debugfs", "qemu-img", "qemu-nbd"})
      REQUIRE_PROGRAM(program);
    ::setenv("VMIMAGE_CACHE", (folder_.path() / "cache").c_str(), 1);
    ::unsetenv("SOURCE_DATE_EPOCH");
    make_tiny_system(tree());
    fs::create_directories(folder_.path() / "stage/usr/bin");
    write_file_atomic(folder_.path() / "stage/usr/bin/orders", "#!/usr/bin/su\n", 0755);
    recipe_.name = "orders-vm";
    recipe_.command = {"orders"};
    recipe_.service = recipe_.user = "orders";
    recipe_.trees = {folder_.path() / "stage"};
  }

  fs::path tree() const { return folder_.path() / "tree"; }
  fs::path raw() const { return folder_.path() / "base.raw"; }
  fs::path image() const { return folder_.path() / "out/orders-vm.qcow2"; }

  /// A disk with the tree in it, with boot code, and with a boot loader where there is an EFI system
  /// partition.
  void make_base(const Shape& shape) {
    make_disk(raw(), shape.root + shape.size + (shape.root > 0 ? 10 * kMiB : 0), shape.table);
    make_root(raw(), tree(), shape.root, shape.size, shape.options);
    write_file_atomic(folder_.path() / "requests",
                      "cd srv\nmknod device c 4 64\nea_set large user.note kept\nsif large mtime 99\n");
    run_checked({.argv = {"debugfs", "-w", "-f", folder_.path() / "requests",
                          fmt::format("{}?offset={}", raw().string(), shape.root)}});
    if (shape.root > 0)
      write_at(raw(), 0, "\xeb\x63 boot code");
    if (shape.root == kGpt.root)
      make_esp(4 * kMiB);
  }

  void make_esp(std::uint64_t offset) {
    const std::string esp = fmt::format("{}@@{}", raw().string(), offset);
    run_checked({.argv = {"mkfs.fat", "--offset", std::to_string(offset / 512), raw().string(), "16384"}});
    run_checked({.argv = {"mmd", "-i", esp, "::/EFI", "::/EFI/BOOT"}});
    run_checked({.argv = {"mcopy", "-i", esp, "-", "::/EFI/BOOT/bootx64.efi"}, .input = "MZ"});
  }

  fs::path converted(const std::string& format) {
    const fs::path file = folder_.path() / ("base." + format);
    if (file == raw())
      return file;
    if (format == "ova" || format == "vhd" || format == "raw.gz") {
      write_file_atomic(file, "");
      format::convert(format::find_disk(raw()), format::find(format), {}, file);
      return file;
    }
    run_checked({.argv = {"qemu-img", "convert", "-f", "raw", "-O", format, raw(), file}});
    return file;
  }

  Built build(const fs::path& base) {
    recipe_.base = "file:" + base.string();
    const cache::Cache cache(folder_.path() / "cache");
    return build_image(recipe_, folder_.path() / "out", "orders-vm", cache,
                       [&](const std::string& step) { said_ += step + "\n"; });
  }

  void expect_refused(const fs::path& base, const std::string& what, const std::string& hint = "") {
    const support::Error error = error_of([&] { build(base); });
    EXPECT_EQ(support::ErrorKind::Usage, error.kind()) << error.what();
    EXPECT_TRUE(contains(error.what(), what)) << error.what();
    EXPECT_TRUE(contains(error.hint(), hint)) << error.hint();
    EXPECT_FALSE(fs::exists(image()));
  }

  fs::path built_disk() {
    const fs::path disk = folder_.path() / "built.raw";
    run_checked({.argv = {"qemu-img", "convert", "-O", "raw", image(), disk}});
    return disk;
  }

  void expect_sound(const fs::path& disk, std::uint64_t offset) {
    const auto verdict =
        support::run({.argv = {"e2fsck", "-f", "-n", fmt::format("{}?offset={}", disk.string(), offset)}});
    EXPECT_TRUE(verdict.ok()) << verdict.out << verdict.err;
  }

  /// Of the root, only what the service brings differs, and the files that a user is added to.
  void expect_only_the_service(const fs::path& disk, std::uint64_t offset) {
    const auto before = files_of(raw(), offset), after = files_of(disk, offset);
    std::vector<std::string> added, changed;
    for (const auto& [path, about] : after) {
      const auto found = before.find(path);
      if (found == before.end())
        added.push_back(path);
      else if (found->second != about)
        changed.push_back(path);
    }
    for (const auto& [path, about] : before)
      EXPECT_TRUE(after.contains(path)) << path << " is gone";
    EXPECT_EQ((std::vector<std::string>{"/etc/group", "/etc/passwd", "/etc/shadow"}), changed);
    EXPECT_EQ((std::vector<std::string>{
                  "/etc/systemd/system/multi-user.target.wants/orders.service",
                  "/etc/systemd/system/orders.service", "/etc/systemd/system/sysinit.target.wants",
                  "/etc/systemd/system/sysinit.target.wants/vmimage-settings.service", "/usr/bin/orders",
                  "/usr/lib/systemd/system/vmimage-settings.service", "/usr/lib/vmimage",
                  "/usr/lib/vmimage/debian-settings", "/usr/lib/vmimage/manifest.json",
                  "/usr/lib/vmimage/metadata", "/usr/lib/vmimage/settings", "/var/lib/orders"}),
              added);
    const auto xattr = run_checked({.argv = {"debugfs", "-R", "ea_get srv/large user.note",
                                             fmt::format("{}?offset={}", disk.string(), offset)}});
    EXPECT_TRUE(contains(xattr, "kept")) << xattr;
    expect_sound(disk, offset);
  }

  support::TempDir folder_;
  recipe::Recipe recipe_;
  std::string said_;
};

class EveryShape : public BaseFileTest, public testing::WithParamInterface<Shape> {};

TEST_P(EveryShape, OnlyTheServiceGoesIn) {
  const Shape& shape = GetParam();
  make_base(shape);
  build(converted("qcow2"));
  const fs::path disk = built_disk();
  ASSERT_EQ(fs::file_size(raw()), fs::file_size(disk));
  expect_only_the_service(disk, shape.root);
  // Partition table, boot loaders and other partitions, at both ends.
  const std::uint64_t end = shape.root + shape.size, size = fs::file_size(disk);
  EXPECT_EQ(read_at(raw(), 0, shape.root), read_at(disk, 0, shape.root));
  EXPECT_EQ(read_at(raw(), end, size - end), read_at(disk, end, size - end));
}

INSTANTIATE_TEST_SUITE_P(
    Disks, EveryShape,
    testing::Values(kGpt, kMbr, kBare, kNotLast, on_mbr("ext3", {"-t", "ext3", "-I", "128"}),
                    on_mbr("ext2", {"-t", "ext2"}),
                    on_mbr("newest",
                           {"-t", "ext4", "-O", "metadata_csum_seed,orphan_file,inline_data,casefold"}),
                    on_mbr("oldest", {"-t", "ext4", "-O", "^64bit,^metadata_csum,^flex_bg,uninit_bg"})),
    [](const auto& shape) {
      std::string name = shape.param.name;
      std::erase(name, '-');
      return name;
    });

class EveryFormat : public BaseFileTest, public testing::WithParamInterface<const char*> {};

TEST_P(EveryFormat, IsABaseAndNotWhenCutOff) {
  make_base(kMbr);
  const fs::path base = converted(GetParam());
  const std::string before = support::sha256_file(base);
  const recipe::Manifest manifest = build(base).manifest;
  EXPECT_EQ(before, support::sha256_file(base)) << "the base was written";
  EXPECT_EQ("sha256:" + before, manifest.base_digest);
  EXPECT_EQ("file:" + base.filename().string(), manifest.base);
  EXPECT_EQ("systemd", manifest.init);
  EXPECT_EQ((std::vector<std::string>{"bios"}), manifest.boot.firmware);
  EXPECT_EQ("6.1.0-stock", manifest.boot.kernel_version);
  ASSERT_EQ(1u, manifest.packages.size());
  EXPECT_EQ("systemd", manifest.packages[0].name);
  EXPECT_EQ(recipe::to_json(manifest), recipe::to_json(inspect::load_manifest(image())));
  expect_only_the_service(built_disk(), kMbr.root);

  fs::remove(image());
  fs::resize_file(base, fs::file_size(base) / 2);
  expect_refused(base, "base.");
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryFormat,
                         testing::Values("raw", "qcow2", "vmdk", "vdi", "vhdx", "vhd", "ova", "raw.gz"),
                         [](const auto& shape) {
                           std::string name = shape.param;
                           std::erase(name, '.');
                           return name;
                         });

TEST_F(BaseFileTest, TheSameBaseGivesTheSameImage) {
  make_base(kGpt);
  const fs::path base = converted("vdi");
  recipe_.disk = 128 * kMiB;
  build(base);
  const std::string first = support::sha256_file(image());
  EXPECT_TRUE(contains(said_, "reading")) << said_;
  fs::remove_all(folder_.path() / "cache");
  build(base);
  EXPECT_EQ(first, support::sha256_file(image()));
}

TEST_F(BaseFileTest, WhatIsKnownOfAFileIsRemembered) {
  make_base(kMbr);
  const fs::path base = converted("qcow2");
  fs::last_write_time(base, fs::last_write_time(base) - std::chrono::hours(1));
  // Its inode was just changed, too: only when that is past, a change would be noticed.
  run_checked({.argv = {"sleep", "3"}});
  build(base);
  EXPECT_TRUE(contains(said_, "reading")) << said_;
  said_.clear();
  build(base);
  EXPECT_FALSE(contains(said_, "reading")) << said_;
  EXPECT_FALSE(contains(said_, "disk of")) << said_;
  run_checked({.argv = {"touch", base.string()}});
  build(base);
  EXPECT_TRUE(contains(said_, "reading")) << said_;
  EXPECT_FALSE(contains(said_, "looking into")) << "the bytes are the same";
}

TEST_F(BaseFileTest, GrowsForAServiceWithoutRoom) {
  for (const Shape& shape : {kGpt, kMbr, kBare}) {
    SCOPED_TRACE(shape.name);
    make_base(shape);
    write_file_atomic(folder_.path() / "stage/usr/bin/large", noise(60 * kMiB, 7));
    const std::uint64_t before = fs::file_size(raw());
    EXPECT_GT(build(converted("qcow2")).manifest.disk, before);
    const fs::path disk = built_disk();
    EXPECT_GT(fs::file_size(disk), before);
    expect_sound(disk, shape.root);
    auto files = files_of(disk, shape.root);
    for (const auto& [path, about] : files_of(raw(), shape.root))
      EXPECT_TRUE(path.starts_with("/etc/") || about == files[path]) << path;
    EXPECT_TRUE(files.contains("/usr/bin/large"));
    if (shape.root == 0)
      continue;
    // The table says the same but for where the root ends; the boot code is there.
    EXPECT_EQ(read_at(raw(), 0, 440), read_at(disk, 0, 440));
    if (shape.root == kGpt.root) {
      EXPECT_TRUE(read_at(raw(), 4 * kMiB, 16 * kMiB) == read_at(disk, 4 * kMiB, 16 * kMiB));
    }
    const auto dump = [](const fs::path& file) { return run_checked({.argv = {"sfdisk", "--dump", file}}); };
    const std::string table = dump(disk);
    for (const char* part :
         {"6FB0C2C6-0000-4000-8000-000000000001", "6FB0C2C6-0000-4000-8000-000000000002", "0x12345678"})
      EXPECT_EQ(contains(dump(raw()), part), contains(table, part)) << table;
    EXPECT_TRUE(support::run({.argv = {"sfdisk", "--verify", disk}}).ok());
  }
}

TEST_F(BaseFileTest, TakesTheDiskThatIsAskedFor) {
  make_base(kGpt);
  const fs::path base = converted("qcow2");
  recipe_.disk = 256 * kMiB;
  build(base);
  const fs::path disk = built_disk();
  EXPECT_EQ(256 * kMiB, fs::file_size(disk));
  expect_sound(disk, kGpt.root);
  RawFile device(disk, DeviceAccess::Read);
  const disk::Layout layout = disk::read_layout(device, "disk");
  const disk::Volume& root = disk::find_root(device, layout, "disk");
  EXPECT_GT(root.partition.offset + root.partition.size, 250 * kMiB);
  EXPECT_EQ(root.partition.size, disk::ext_state(read_at(disk, kGpt.root + 1024, 1024)).size);
  recipe_.disk = 20 * kMiB;
  fs::remove(image());
  expect_refused(base, "a disk of 20 MiB is too small for the base file:base.qcow2");
}

TEST_F(BaseFileTest, HasNoRoomAndCannotGrow) {
  make_base(kNotLast);
  write_file_atomic(folder_.path() / "stage/usr/bin/large", noise(60 * kMiB, 7));
  expect_refused(converted("qcow2"), "failed to find room for the service in the base file:base.qcow2",
                 "not the last partition");
  recipe_.disk = 512 * kMiB;
  expect_refused(converted("qcow2"), "failed to find room", "not the last partition");
}

TEST_F(BaseFileTest, IsNoFile) {
  expect_refused(folder_.path() / "absent", "absent': no such file");
  expect_refused(folder_.path(), "it is a folder", "tar");
  write_file_atomic(folder_.path() / "empty", "");
  expect_refused(folder_.path() / "empty", "it is empty");
  write_file_atomic(folder_.path() / "text", std::string(5000, 'a'));
  expect_refused(folder_.path() / "text", "is no disk image");
  write_file_atomic(folder_.path() / "zeroes", std::string(1 << 20, '\0'));
  expect_refused(folder_.path() / "zeroes", "is no disk image");
  ASSERT_EQ(0, ::mkfifo((folder_.path() / "fifo").c_str(), 0600));
  expect_refused(folder_.path() / "fifo", "it is no plain file");
}

TEST_F(BaseFileTest, IsCutOffWithoutATableThatTells) {
  make_base(kBare);
  fs::resize_file(raw(), fs::file_size(raw()) / 2);
  expect_refused(raw(), "'file:base.raw' is cut off: its root file system has", "make it again");
}

TEST_F(BaseFileTest, HasNoRootThatIsRead) {
  make_disk(raw(), 64 * kMiB, kGpt.table);
  make_esp(4 * kMiB);
  expect_refused(raw(), "partition 1 (no known file system), not ext4");
  // What libblkid knows LUKS by.
  const std::string luks = std::string("LUKS\xba\xbe\0\1", 8) + std::string(600, '\0');
  write_at(raw(), kGpt.root, luks);
  expect_refused(raw(), "its root file system is encrypted", "without encryption");
  write_file_atomic(folder_.path() / "luks", "");
  fs::resize_file(folder_.path() / "luks", 10 * kMiB);
  write_at(folder_.path() / "luks", 0, luks);
  expect_refused(folder_.path() / "luks", "its root file system is encrypted");
  run_checked(
      {.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "--object", "secret,id=s,data=x", "-o",
                "encrypt.format=aes,encrypt.key-secret=s", folder_.path() / "encrypted.qcow2", "10M"}});
  expect_refused(folder_.path() / "encrypted.qcow2", "the disk image is encrypted");
}

TEST_F(BaseFileTest, HasAPartElsewhere) {
  make_base(kBare);
  const fs::path base = converted("qcow2");
  const fs::path top = folder_.path() / "top.qcow2", split = folder_.path() / "split.vmdk";
  run_checked({.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, top}});
  expect_refused(top, "a part of its disk is in another file", "qemu-img convert");
  run_checked({.argv = {"qemu-img", "convert", "-O", "vmdk", "-o", "subformat=monolithicFlat", base, split}});
  expect_refused(split, "a part of its disk is in another file");
  // The same name does not make it the same file.
  fs::create_directory(folder_.path() / "other");
  fs::rename(folder_.path() / "split-flat.vmdk", folder_.path() / "other/split.vmdk");
  run_checked({.argv = {"sed", "-i", "s|split-flat.vmdk|other/split.vmdk|", split}});
  expect_refused(split, "a part of its disk is in another file");
}

TEST_F(BaseFileTest, HasAFileSystemThatIsBeyondUs) {
  for (const std::string feature : {"quota", "bigalloc"}) {
    make_base(on_mbr("beyond", {"-t", "ext4", "-O", feature}));
    expect_refused(raw(), "its root file system has the feature '" + feature + "'", "tar archive");
  }
}

TEST_F(BaseFileTest, WasNotUnmounted) {
  make_base(kBare);
  run_checked({.argv = {"debugfs", "-w", "-R", "feature needs_recovery", raw()}});
  expect_refused(raw(), "its root file system was not unmounted", "power it off");
}

TEST_F(BaseFileTest, HasNoInit) {
  fs::remove(tree() / "usr/sbin/init");
  make_base(kBare);
  expect_refused(raw(), "it has systemd, but no /sbin/init", "systemd-sysv");
  fs::remove(tree() / "usr/lib/systemd/systemd");
  make_base(kBare);
  expect_refused(raw(), "it has no init");
}

TEST_F(BaseFileTest, HasAnotherInit) {
  fs::remove(tree() / "usr/sbin/init");
  write_file_atomic(tree() / "usr/sbin/init",
                    "\x7f"
                    "ELF",
                    0755);
  write_file_atomic(tree() / "etc/inittab", "id:2:initdefault:\n");
  make_base(kBare);
  expect_refused(raw(), "its init is /usr/sbin/init (SysV), not systemd", "systemd");
  write_file_atomic(tree() / "usr/sbin/openrc", "", 0755);
  make_base(kBare);
  expect_refused(raw(), "(OpenRC), not systemd");
}

TEST_F(BaseFileTest, IsForAnotherProcessor) {
  std::string program = read_file(tree() / "usr/lib/systemd/systemd");
  program[18] = '\xb7';  // e_machine: EM_AARCH64
  write_file_atomic(tree() / "usr/lib/systemd/systemd", program, 0755);
  make_base(kBare);
  expect_refused(raw(), "it is for another kind of processor", "x86-64");
}

TEST_F(BaseFileTest, LacksNetworkAndDrivers) {
  fs::create_directories(tree() / "etc/selinux");
  write_file_atomic(tree() / "etc/selinux/config", "# SELinux\nSELINUX=enforcing\n");
  fs::remove_all(tree() / "usr/lib/modules");
  for (const char* path : {"usr/lib/systemd/systemd-networkd", "etc/systemd/network/dhcp.network"})
    fs::remove(tree() / path);
  make_base(kBare);
  const recipe::Manifest manifest = build(raw()).manifest;
  for (const char* part : {"nothing in it is known to configure the network", "it has no kernel modules",
                           "it enforces SELinux", "it has no boot loader that is known"})
    EXPECT_TRUE(contains(said_, part)) << said_;
  EXPECT_TRUE(manifest.boot.firmware.empty());
}

/// The libraries that a service was linked with: not on a base of another release that has them.
TEST_F(BaseFileTest, AServiceBringsTheLibrariesThatAreNotThere) {
  fs::copy_file("/proc/self/exe", folder_.path() / "stage/usr/bin/orders",
                fs::copy_options::overwrite_existing);
  make_base(kGpt);
  build(converted("qcow2"));
  EXPECT_TRUE(files_of(built_disk(), kGpt.root).contains("/usr/lib/x86_64-linux-gnu/libc.so.6"));
  fs::create_directories(tree() / "usr/lib/x86_64-linux-gnu");
  write_file_atomic(tree() / "usr/lib/x86_64-linux-gnu/libc.so.6", "another");
  write_file_atomic(tree() / "etc/os-release", "VERSION_CODENAME=elsewhere\n");
  fs::remove(image());
  make_base(kGpt);
  expect_refused(converted("qcow2"), "failed to find 'libc.so.6' in the base file:base.qcow2",
                 "build on elsewhere");
}

class EveryTar : public BaseFileTest, public testing::WithParamInterface<const char*> {};

TEST_P(EveryTar, BecomesADiskWithOurKernel) {
  for (const char* program : {"as", "tar", "mcopy"})
    REQUIRE_PROGRAM(program);
  const cache::Cache cache(folder_.path() / "cache");
  plant_tiny_kit(cache);
  const base::PackageOrigin origin{.mirror = {}, .lock = std::make_shared<const recipe::Lock>(tiny_lock())};
  const fs::path tar = folder_.path() / "root.tar";
  run_checked({.argv = {"tar", "--create", GetParam(), "--file", tar, "--numeric-owner", "--owner=0",
                        "--group=0", "--directory", tree(), "."}});
  const auto open = [&] { return base::file_base(cache, tar, origin, [](const std::string&) {}); };
  const base::Base base = open();
  EXPECT_EQ("file:root.tar", base.name);
  EXPECT_EQ("systemd", base.init);
  EXPECT_EQ("bookworm", base.suite);
  EXPECT_EQ(support::sha256_file(tar), base.digest);
  EXPECT_EQ("6.1.0-tiny", base.kit.kernel_version);
  EXPECT_TRUE(base.additions.contains("/etc/machine-id") && base.additions.contains("/etc/fstab"));
  const fs::path disk = folder_.path() / "disk";
  run_checked({.argv = {"qemu-img", "convert", "-O", "raw",
                        base_disk(cache, base, base.default_disk, [](const std::string&) {}), disk}});
  RawFile device(disk, DeviceAccess::Read);
  const disk::Layout layout = disk::read_layout(device, "disk");
  const std::uint64_t offset = disk::find_root(device, layout, "disk").partition.offset;
  expect_sound(disk, offset);
  const auto files = files_of(disk, offset);
  for (const char* path :
       {"/etc/passwd", "/srv/linked", "/usr/sbin/init", "/proc", "/usr/lib/modules/6.1.0-tiny/modules.dep"})
    EXPECT_TRUE(files.contains(path)) << path;
  EXPECT_TRUE(contains(files.at("/usr/bin/su"), " 4755 ")) << files.at("/usr/bin/su");

  fs::resize_file(tar, fs::file_size(tar) / 2);
  const support::Error error = error_of(open);
  EXPECT_EQ(support::ErrorKind::Usage, error.kind());
  EXPECT_TRUE(contains(error.what(), "root.tar")) << error.what();
}

INSTANTIATE_TEST_SUITE_P(Compressions, EveryTar,
                         testing::Values("--no-auto-compress", "--gzip", "--xz", "--zstd"),
                         [](const auto& shape) {
                           std::string name = shape.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_F(BaseFileTest, ATarWithoutAnInit) {
  fs::remove_all(tree() / "usr/sbin");
  fs::remove_all(tree() / "usr/lib/systemd");
  const fs::path tar = folder_.path() / "root.tar";
  run_checked({.argv = {"tar", "--create", "--file", tar, "--directory", tree(), "."}});
  expect_refused(tar, "it has no init");
}

}  // namespace
}  // namespace vmimage::image
