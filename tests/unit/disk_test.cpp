// Disks, read by sfdisk(8), objcopy(1), mtools(1) and fsck.fat(8).

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "disk/assemble.hpp"
#include "disk/gpt.hpp"
#include "disk/uki.hpp"
#include "expect.hpp"
#include "filesystem/block_device.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"
#include "support/json.hpp"
#include "tiny_kit.hpp"

namespace vmimage::disk {
namespace {

namespace fs = std::filesystem;
using filesystem::DeviceAccess;
using filesystem::RawFile;
using support::json;
using support::run_checked;
using support::TempDir;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kDisk = 64 * kMiB;

const std::vector<Partition> kPartitions{
    {"bios", kBiosBootType, derived_uuid("bios"), 1 * kMiB, 1 * kMiB},
    {"esp", kEfiSystemType, derived_uuid("esp"), 2 * kMiB, 16 * kMiB},
    {"root", kRootX8664Type, derived_uuid("root"), 18 * kMiB, 45 * kMiB}};

void make_disk(const fs::path& disk, std::uint64_t size = kDisk) {
  support::write_file_atomic(disk, "");
  fs::resize_file(disk, size);
  write_gpt(disk, derived_uuid("disk"), kPartitions);
}

std::uint64_t number(const std::string& bytes, std::size_t at, int count) {
  std::uint64_t value = 0;
  for (int i = count - 1; i >= 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes.at(at + static_cast<std::size_t>(i)));
  return value;
}

/// CRC-32 as the UEFI Specification has it (ISO 3309), bit by bit.
std::uint32_t crc32(const std::string& bytes) {
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

/// Header at a sector: its signature, place, its own checksum and that of the entries.
void expect_good_header(const std::string& disk, std::uint64_t sector, std::uint64_t other) {
  std::string header = disk.substr(sector * 512, 92);
  EXPECT_EQ("EFI PART", header.substr(0, 8));
  EXPECT_EQ(sector, number(header, 24, 8));
  EXPECT_EQ(other, number(header, 32, 8));
  const auto entries =
      disk.substr(number(header, 72, 8) * 512, number(header, 80, 4) * number(header, 84, 4));
  EXPECT_EQ(number(header, 88, 4), crc32(entries));
  const auto stored = number(header, 16, 4);
  header.replace(16, 4, 4, '\0');
  EXPECT_EQ(stored, crc32(header));
}

TEST(Gpt, HasTwoGoodHeadersAndAProtectiveMbr) {
  const TempDir folder;
  make_disk(folder.path() / "disk");
  const std::string disk = support::read_file(folder.path() / "disk");
  ASSERT_EQ(kDisk, disk.size());
  const std::uint64_t last = kDisk / 512 - 1;
  expect_good_header(disk, 1, last);
  expect_good_header(disk, last, 1);
  EXPECT_EQ("\x55\xaa", disk.substr(510, 2));
  EXPECT_EQ(0xeeu, number(disk, 446 + 4, 1));
  EXPECT_EQ(1u, number(disk, 446 + 8, 4));
  EXPECT_EQ(last, number(disk, 446 + 12, 4));
  EXPECT_EQ(std::string(48, '\0'), disk.substr(462, 48)) << "no other partition";
}

TEST(Gpt, IsReadBySfdisk) {
  REQUIRE_PROGRAM("sfdisk");
  const TempDir folder;
  const fs::path disk = folder.path() / "disk";
  make_disk(disk);
  const auto verdict = support::run({.argv = {"sfdisk", "--verify", disk}});
  EXPECT_TRUE(verdict.ok()) << verdict.out << verdict.err;
  EXPECT_TRUE(contains(verdict.out + verdict.err, "No errors detected")) << verdict.out << verdict.err;
  const json table = json::parse(run_checked({.argv = {"sfdisk", "--json", disk}})).at("partitiontable");
  const auto upper = [](std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), ::toupper);
    return text;
  };
  EXPECT_EQ("gpt", table.at("label"));
  EXPECT_EQ(upper(derived_uuid("disk")), table.at("id"));
  ASSERT_EQ(3u, table.at("partitions").size());
  for (std::size_t i = 0; i < 3; ++i) {
    const json& entry = table.at("partitions")[i];
    EXPECT_EQ(kPartitions[i].offset / 512, entry.at("start"));
    EXPECT_EQ(kPartitions[i].size / 512, entry.at("size"));
    EXPECT_EQ(kPartitions[i].type, entry.at("type"));
    EXPECT_EQ(upper(kPartitions[i].uuid), entry.at("uuid"));
    EXPECT_EQ(kPartitions[i].name, entry.at("name"));
  }
}

TEST(Gpt, IsReadAsItWasWritten) {
  const TempDir folder;
  make_disk(folder.path() / "disk");
  RawFile device(folder.path() / "disk", DeviceAccess::Read);
  const auto partitions = read_gpt(device, "disk");
  ASSERT_EQ(3u, partitions.size());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(kPartitions[i].name, partitions[i].name);
    EXPECT_EQ(kPartitions[i].type, partitions[i].type);
    EXPECT_EQ(kPartitions[i].offset, partitions[i].offset);
    EXPECT_EQ(kPartitions[i].size, partitions[i].size);
  }
  EXPECT_EQ("root", partition_of_type(partitions, kRootX8664Type, "disk").name);
  const auto error = error_of([&] { partition_of_type({}, kRootX8664Type, "a.qcow2"); });
  EXPECT_EQ(support::ErrorKind::Usage, error.kind());
  EXPECT_TRUE(contains(error.what(), "'a.qcow2' has no partition of type"));
}

TEST(Gpt, ADiskWithoutOneIsInvalidInput) {
  const TempDir folder;
  const fs::path disk = folder.path() / "disk";
  for (const std::size_t size : {0, 1, 512, 600, 1024, 40'000, 1 << 20}) {
    support::write_file_atomic(disk, std::string(size, 'x'));
    RawFile device(disk, DeviceAccess::Read);
    const auto error = error_of([&] { read_gpt(device, "a.raw"); });
    EXPECT_EQ(support::ErrorKind::Usage, error.kind());
    EXPECT_STREQ("'a.raw' has no GUID partition table", error.what());
  }
}

/// A disk in memory: the first bytes given, zeroes behind.
class MemoryDevice : public filesystem::BlockDevice {
 public:
  MemoryDevice(std::string head, std::uint64_t size) : head_(std::move(head)), size_(size) {}
  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, void* data, std::size_t size) override {
    ASSERT_LE(offset, size_);
    ASSERT_LE(size, size_ - offset);
    if (size == 0)
      return;
    std::memset(data, 0, size);
    if (offset < head_.size())
      std::memcpy(data, head_.data() + offset, std::min<std::size_t>(size, head_.size() - offset));
  }
  void write(std::uint64_t, const void*, std::size_t) override { FAIL(); }
  void zero(std::uint64_t, std::uint64_t) override { FAIL(); }
  void flush() override {}
  std::string& head() { return head_; }

 private:
  std::string head_;
  std::uint64_t size_;
};

TEST(Gpt, AnyDamageOfItsTablesIsInvalidInputOrATable) {
  const TempDir folder;
  make_disk(folder.path() / "disk");
  MemoryDevice device(support::read_file(folder.path() / "disk").substr(0, 1 << 16), kDisk);
  for (std::size_t at = 512; at < 1024 + 512; ++at) {
    const char whole = device.head()[at];
    for (const char other : {'\0', '\xff', '\x80', '\x7f'}) {
      device.head()[at] = other;
      try {
        for (const auto& partition : read_gpt(device, "disk"))
          EXPECT_LE(partition.offset + partition.size, device.size());
      } catch (const support::Error& error) {
        ASSERT_EQ(support::ErrorKind::Usage, error.kind()) << at << " " << error.what();
      }
    }
    device.head()[at] = whole;
  }
}

TEST(DerivedUuid, IsAVersion8Uuid) {
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = derived_uuid(std::to_string(i));
    ASSERT_EQ(36u, uuid.size());
    EXPECT_EQ("----", std::string({uuid[8], uuid[13], uuid[18], uuid[23]}));
    EXPECT_EQ('8', uuid[14]) << "version";
    EXPECT_NE(std::string::npos, std::string("89ab").find(uuid[19])) << "variant";
  }
  EXPECT_EQ(derived_uuid("a"), derived_uuid("a"));
  EXPECT_NE(derived_uuid("a"), derived_uuid("b"));
}

TEST(Layout, LeavesNoGapAndNoOverlap) {
  for (const std::uint64_t size : {64 * kMiB, 65 * kMiB - 512, 128 * kMiB, 2048 * kMiB})
    for (const std::uint64_t uki : {1 * kMiB, 14 * kMiB, 14 * kMiB + 1, 30 * kMiB}) {
      const Places layout = plan_layout(size, uki);
      EXPECT_EQ(kMiB, layout.bios_offset);
      EXPECT_EQ(layout.bios_offset + layout.bios_size, layout.esp_offset);
      EXPECT_EQ(layout.esp_offset + layout.esp_size, layout.root_offset);
      EXPECT_GE(layout.esp_size, uki + kMiB);
      EXPECT_LE(layout.root_offset + layout.root_size, size - 33 * 512)
          << "the copy of the table has no room";
      for (const auto offset : {layout.bios_offset, layout.esp_offset, layout.root_offset, layout.root_size})
        EXPECT_EQ(0u, offset % kMiB);
    }
}

TEST(Layout, ATooSmallDiskSaysHowMuchItTakes) {
  const auto error = error_of([] { plan_layout(30 * kMiB, 1 * kMiB); });
  EXPECT_EQ(support::ErrorKind::Usage, error.kind());
  EXPECT_STREQ("a disk of 30 MiB is too small for this image", error.what());
  EXPECT_EQ("give at least 35 MiB", error.hint());
  plan_layout(35 * kMiB, 1 * kMiB);
  error_of([] { plan_layout(35 * kMiB - 512, 1 * kMiB); });
}

class KitTest : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_PROGRAM("as");
    make_tiny_kit(folder_.path());
    kit_.folder = folder_.path();
  }
  TempDir folder_;
  base::Kit kit_;
};

TEST_F(KitTest, AUnifiedKernelImageIsReadByObjcopy) {
  const auto section = [&](const std::string& name) {
    const fs::path file = folder_.path() / "section";
    run_checked({.argv = {"objcopy", "-O", "binary", "--only-section=" + name, "--set-section-flags",
                          name + "=alloc,load,contents", kit_.uki(), file}});
    return support::read_file(file);
  };
  EXPECT_EQ(support::sha256_file(kit_.kernel()), support::sha256(section(".linux").substr(0, 70'001)));
  EXPECT_EQ(support::read_file(kit_.initrd()), section(".initrd").substr(0, fs::file_size(kit_.initrd())));
  EXPECT_TRUE(section(".cmdline").starts_with(base::kernel_command_line()));
  EXPECT_TRUE(section(".osrel").starts_with("ID=vmimage\n"));
  EXPECT_TRUE(contains(run_checked({.argv = {"objdump", "-f", kit_.uki()}}), "pei-x86-64"));
}

TEST_F(KitTest, SectionsOfAUnifiedKernelImageAreFoundAndApart) {
  const std::string file = support::read_file(kit_.uki());
  const auto sections = parse_pe(file, "uki");
  const auto content = [&](const char* name) {
    const PeSection& section = pe_section(sections, name, "uki");
    return file.substr(section.offset, section.size);
  };
  EXPECT_EQ(support::sha256_file(kit_.kernel()), support::sha256(content(".linux")));
  EXPECT_EQ(support::sha256_file(kit_.initrd()), support::sha256(content(".initrd")));
  EXPECT_EQ(base::kernel_command_line(), content(".cmdline"));
  for (const auto& a : sections)
    for (const auto& b : sections)
      if (a.address < b.address) {
        EXPECT_LE(a.virtual_end, b.address) << a.name << " reaches into " << b.name;
      }
  for (const char* name : {".linux", ".initrd"})
    EXPECT_EQ(0u, pe_section(sections, name, "uki").offset % 512) << "GRUB's block lists count sectors";
  const auto error = error_of([&] { pe_section(sections, ".absent", "a.efi"); });
  EXPECT_STREQ("'a.efi' is no unified kernel image: it has no section '.absent'", error.what());
}

TEST_F(KitTest, AUnifiedKernelImageHasNoTimeOfItsOwn) {
  const std::string first = support::sha256_file(kit_.uki());
  ::sleep(1);
  make_tiny_kit(folder_.path() / "again");
  EXPECT_EQ(first, support::sha256_file(folder_.path() / "again/uki.efi"));
  EXPECT_TRUE(contains(run_checked({.argv = {"objdump", "-p", kit_.uki()}}), "Time/Date\t\tThu Jan  1 "));
}

TEST_F(KitTest, ACutOrDamagedPeFileIsInvalidInput) {
  std::string file = support::read_file(kit_.uki());
  for (std::size_t length = 0; length < 1200; ++length)
    EXPECT_EQ(support::ErrorKind::Usage, error_of([&] { parse_pe(file.substr(0, length), "x"); }).kind())
        << length;
  for (std::size_t at = 0; at < 1200; ++at)
    for (const char other : {'\xff', '\x7f', '\0'}) {
      std::string damaged = file;
      damaged[at] = other;
      try {
        for (const auto& section : parse_pe(damaged, "x"))
          ASSERT_LE(section.offset + section.size, damaged.size());
      } catch (const support::Error& error) {
        ASSERT_EQ(support::ErrorKind::Usage, error.kind()) << at;
      }
    }
}

TEST_F(KitTest, AStubThatIsNoneIsInvalidInput) {
  support::write_file_atomic(folder_.path() / "text", "no program");
  EXPECT_EQ(support::ErrorKind::Usage, error_of([&] {
                                         write_uki({.stub = folder_.path() / "text",
                                                    .kernel = kit_.kernel(),
                                                    .initrd = kit_.initrd(),
                                                    .command_line = "",
                                                    .os_release = ""},
                                                   folder_.path() / "out");
                                       }).kind());
}

class DiskTest : public KitTest {
 protected:
  void SetUp() override {
    REQUIRE_PROGRAM("qemu-img");
    KitTest::SetUp();
    if (IsSkipped())
      return;
    assemble(folder_.path() / "disk.qcow2");
    raw_ = folder_.path() / "disk.raw";
    run_checked({.argv = {"qemu-img", "convert", "-O", "raw", folder_.path() / "disk.qcow2", raw_}});
    layout_ = plan_layout(kDisk, fs::file_size(kit_.uki()));
  }

  void assemble(const fs::path& output) {
    assemble_disk(
        {.size = kDisk, .seed = "seed", .time = 315532800}, kit_,
        [](filesystem::Ext4& root) { root.write_file("/hello", {}, "world"); }, output);
  }

  fs::path part(const char* name, std::uint64_t offset, std::uint64_t size) {
    const fs::path file = folder_.path() / name;
    run_checked({.argv = {"dd", "if=" + raw_.string(), "of=" + file.string(), "bs=1M",
                          fmt::format("skip={}", offset / kMiB), fmt::format("count={}", size / kMiB),
                          "conv=sparse"}});
    fs::resize_file(file, size);
    return file;
  }

  fs::path raw_;
  Places layout_{};
};

TEST_F(DiskTest, GrubsStagesFindEachOther) {
  const std::string disk = support::read_file(raw_);
  const std::string boot = support::read_file(kit_.grub_boot());
  const std::string core = support::read_file(kit_.grub_core());
  const auto first = layout_.bios_offset / 512;
  EXPECT_EQ(boot.substr(0, 0x5c), disk.substr(0, 0x5c));
  EXPECT_EQ(first, number(disk, 0x5c, 8)) << "boot.img does not name core.img's first sector";
  EXPECT_EQ(boot.substr(0x64, 440 - 0x64), disk.substr(0x64, 440 - 0x64));
  // diskboot.S: block list at the end of core.img's first sector, and it reads on from the second.
  EXPECT_EQ(first + 1, number(disk, layout_.bios_offset + 512 - 12, 8));
  EXPECT_EQ(core.substr(0, 500), disk.substr(layout_.bios_offset, 500));
  EXPECT_EQ(core.substr(512), disk.substr(layout_.bios_offset + 512, core.size() - 512));
  expect_good_header(disk, 1, kDisk / 512 - 1);
  expect_good_header(disk, kDisk / 512 - 1, 1);
  EXPECT_EQ(0xeeu, number(disk, 446 + 4, 1)) << "the protective MBR is still there";
}

TEST_F(DiskTest, TheEfiPartitionHoldsTheKernelImage) {
  REQUIRE_PROGRAM("fsck.fat");
  const fs::path esp = part("esp", layout_.esp_offset, layout_.esp_size);
  const auto verdict = support::run({.argv = {"fsck.fat", "-n", esp}});
  EXPECT_TRUE(verdict.ok()) << verdict.out << verdict.err;
  run_checked({.argv = {"mcopy", "-i", esp, "::/EFI/BOOT/BOOTX64.EFI", folder_.path() / "taken.efi"},
               .environment = {{"MTOOLS_SKIP_CHECK", "1"}}});
  EXPECT_EQ(support::sha256_file(kit_.uki()), support::sha256_file(folder_.path() / "taken.efi"));
}

TEST_F(DiskTest, TheRootIsWholeAndHoldsWhatWasPutIn) {
  const fs::path root = part("root", layout_.root_offset, layout_.root_size);
  const auto verdict = support::run({.argv = {"e2fsck", "-f", "-n", root}});
  EXPECT_TRUE(verdict.ok()) << verdict.out;
  EXPECT_EQ("world", run_checked({.argv = {"debugfs", "-R", "cat /hello", root}}));
}

TEST_F(DiskTest, TheSameInputGivesTheSameBytesAndLeavesNothingElse) {
  const auto before = entries_in(folder_.path());
  assemble(folder_.path() / "again.qcow2");
  EXPECT_EQ(before + 1, entries_in(folder_.path()));
  EXPECT_EQ(support::sha256_file(folder_.path() / "disk.qcow2"),
            support::sha256_file(folder_.path() / "again.qcow2"));
}

TEST_F(DiskTest, AFailureInBetweenLeavesNothing) {
  const auto before = entries_in(folder_.path());
  error_of([&] {
    assemble_disk(
        {.size = kDisk, .seed = "seed", .time = 315532800}, kit_,
        [](filesystem::Ext4&) { throw support::failure("no"); }, folder_.path() / "other.qcow2");
  });
  EXPECT_EQ(before, entries_in(folder_.path()));
}

}  // namespace
}  // namespace vmimage::disk
