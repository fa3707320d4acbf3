// What is concluded about a base that is a file: pure parts.

#include <gtest/gtest.h>

#include "base/system.hpp"
#include "disk/boot_loader.hpp"
#include "disk/enlarge.hpp"
#include "expect.hpp"
#include "image/room.hpp"
#include "machine/machine.hpp"

namespace vmimage {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
using Names = std::vector<std::string>;

TEST(SuiteOfRelease, IsTheCodename) {
  EXPECT_EQ("bookworm", base::suite_of_release("ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"));
  EXPECT_EQ("noble", base::suite_of_release("VERSION_CODENAME='noble'\r\n"));
}

TEST(SuiteOfRelease, IsIdAndVersionWithoutOne) {
  EXPECT_EQ("alpine 3.20", base::suite_of_release("ID=alpine\nVERSION_ID=3.20\n"));
  EXPECT_EQ("arch", base::suite_of_release("ID=arch\nnonsense\n"));
  EXPECT_EQ("an unknown system", base::suite_of_release(""));
}

TEST(Newest, ComparesNumbersAsNumbers) {
  EXPECT_EQ("6.1.0-10-amd64", base::newest({"6.1.0-9-amd64", "6.1.0-10-amd64", "5.10.0-99-amd64"}));
  EXPECT_EQ("", base::newest({}));
}

TEST(System, SurvivesTheCache) {
  base::System system;
  system.init = "systemd";
  system.suite = "bookworm";
  system.kernel_version = "6.1";
  system.packages = {{"a", "1", "amd64", "MIT"}};
  system.libraries = {"libc.so.6"};
  system.warnings = {"no network"};
  system.additions["/a"] = {.mode = 0755, .owner = {}, .source = {}, .content = "text"};
  system.additions["/b"] = {
      .type = filesystem::NodeType::Symlink, .mode = 0777, .owner = {}, .source = {}, .content = "/a"};
  const base::System again = base::parse_system(base::to_json(system));
  EXPECT_EQ(base::to_json(system), base::to_json(again));
  EXPECT_EQ(filesystem::NodeType::Symlink, again.additions.at("/b").type);
  EXPECT_EQ(0755u, again.additions.at("/a").mode);
}

std::string boot_sector(const std::string& code) {
  std::string sector(512, '\0');
  sector.replace(0, code.size(), code);
  sector[510] = '\x55';
  sector[511] = '\xaa';
  return sector;
}

TEST(BootCode, IsWhatPrecedesTheTable) {
  EXPECT_TRUE(disk::has_boot_code(boot_sector("\xeb\x63")));
  EXPECT_FALSE(disk::has_boot_code(boot_sector("")));
  std::string table = boot_sector("");
  table[446] = '\x80';
  EXPECT_FALSE(disk::has_boot_code(table));
  EXPECT_FALSE(disk::has_boot_code(std::string(512, 'x'))) << "no signature";
  EXPECT_FALSE(disk::has_boot_code("short"));
}

TEST(FirmwareFor, IsWhatTheDiskHasSomethingFor) {
  using disk::Table;
  const std::set<std::string> none, efi{"/EFI/BOOT/BOOTX64.EFI"};
  EXPECT_EQ((Names{"bios", "uefi"}), disk::firmware_for({Table::Gpt, true, true, efi}));
  EXPECT_EQ((Names{"uefi"}), disk::firmware_for({Table::Gpt, false, false, efi}));
  EXPECT_EQ((Names{"uefi"}), disk::firmware_for({Table::Gpt, true, false, efi}))
      << "code that only complains";
  EXPECT_EQ((Names{"bios"}), disk::firmware_for({Table::Mbr, true, false, none}));
  EXPECT_EQ((Names{"bios"}), disk::firmware_for({Table::None, true, false, none}));
  EXPECT_EQ((Names{}), disk::firmware_for({Table::Mbr, false, false, none}));
}

disk::Volume volume(int number, std::uint64_t offset) {
  disk::Volume made;
  made.number = number;
  made.partition.offset = offset;
  return made;
}

TEST(CanGrow, IsTheLastPartition) {
  const disk::Volume first = volume(1, 20 * kMiB), second = volume(2, kMiB), logical = volume(5, 40 * kMiB);
  EXPECT_TRUE(disk::can_grow({disk::Table::Gpt, {first, second}}, first));
  EXPECT_FALSE(disk::can_grow({disk::Table::Gpt, {first, second}}, second));
  EXPECT_TRUE(disk::can_grow({disk::Table::None, {volume(0, 0)}}, volume(0, 0)));
  EXPECT_TRUE(disk::can_grow({disk::Table::Gpt, {first, logical}}, logical));
  EXPECT_FALSE(disk::can_grow({disk::Table::Mbr, {first, logical}}, logical)) << "it lies in another one";
}

TEST(RoomFor, CountsWholeBlocks) {
  rootfs::Tree tree;
  const std::uint64_t least = image::room_for(tree);
  tree["/a"] = {.mode = 0644, .owner = {}, .source = {}, .content = "x"};
  EXPECT_EQ(least + 2 * 4096, image::room_for(tree));
}

TEST(Enlarged, HasWhatLacksAndMore) {
  for (const std::uint64_t lacking : {1ull, 60ull * kMiB, 3000ull * kMiB}) {
    const std::uint64_t size = image::enlarged(100 * kMiB, lacking);
    EXPECT_GE(size, 100 * kMiB + lacking + lacking / 16);
    EXPECT_EQ(0u, size % (64 * kMiB));
  }
}

TEST(ChooseFirmware, IsTheBestThatTheImageHas) {
  using machine::Firmware;
  recipe::Boot boot;
  boot.image = "/EFI/BOOT/BOOTX64.EFI";
  EXPECT_EQ(Firmware::Direct, machine::choose_firmware({}, boot));
  boot.image.clear();
  boot.firmware = {"uefi"};
  EXPECT_EQ(Firmware::Uefi, machine::choose_firmware({}, boot));
  EXPECT_EQ(Firmware::Bios, machine::choose_firmware(Firmware::Bios, boot));
  const auto direct = error_of([&] { machine::choose_firmware(Firmware::Direct, boot); });
  EXPECT_EQ(support::ErrorKind::Usage, direct.kind());
  boot.firmware.clear();
  EXPECT_TRUE(contains(error_of([&] { machine::choose_firmware({}, boot); }).what(), "nothing is known"));
}

}  // namespace
}  // namespace vmimage
