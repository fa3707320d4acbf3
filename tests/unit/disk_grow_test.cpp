// The program that enlarges the root's partition inside an instance, on disks in files.

#include <gtest/gtest.h>

#include "disk/gpt.hpp"
#include "filesystem/block_device.hpp"
#include "guest/guest.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::disk {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMiB = 1 << 20;

class GuestGrow : public testing::Test {
 protected:
  GuestGrow() {
    support::write_file_atomic(program_, guest::file("grow"), 0755);
    support::write_file_atomic(disk_, "");
    fs::resize_file(disk_, 32 * kMiB);
    write_gpt(disk_, "11111111-2222-4333-8444-555555555555",
              {{"esp", kEfiSystemType, "21111111-2222-4333-8444-555555555555", kMiB, 4 * kMiB},
               {"root", kRootX8664Type, "31111111-2222-4333-8444-555555555555", 5 * kMiB, 26 * kMiB}});
  }
  support::Result grow(const std::string& number = "2") {
    return support::run({.argv = {program_.string(), "partition", disk_.string(), number}});
  }
  std::vector<Partition> partitions() {
    filesystem::RawFile device(disk_, filesystem::DeviceAccess::Read);
    return read_gpt(device, "disk");
  }
  std::string verified() { return support::run_checked({.argv = {"sfdisk", "--verify", disk_.string()}}); }

  support::TempDir folder_;
  fs::path program_ = folder_.path() / "grow", disk_ = folder_.path() / "disk";
};

TEST_F(GuestGrow, LastPartitionUpToTheEnd) {
  fs::resize_file(disk_, 100 * kMiB + 512 * 7);
  ASSERT_TRUE(grow().ok());
  const auto found = partitions();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].size, 4 * kMiB);
  EXPECT_EQ(found[1].offset, 5 * kMiB);
  EXPECT_EQ(found[1].size, 94 * kMiB);
  EXPECT_EQ(found[1].name, "root");
  EXPECT_NE(verified().find("No errors detected"), std::string::npos) << verified();
}

TEST_F(GuestGrow, NothingToGrow) {
  const std::string before = support::read_file(disk_);
  EXPECT_TRUE(grow().ok());
  EXPECT_EQ(support::read_file(disk_), before);
  fs::resize_file(disk_, 32 * kMiB + 512);
  EXPECT_TRUE(grow().ok());
  EXPECT_EQ(support::read_file(disk_).substr(0, before.size()), before);
}

TEST_F(GuestGrow, LeavesWhatItDoesNotUnderstand) {
  fs::resize_file(disk_, 64 * kMiB);
  const auto refused = [&](const std::string& number, const std::string& cause) {
    const std::string before = support::read_file(disk_);
    const auto result = grow(number);
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_NE(result.err.find(cause), std::string::npos) << result.err;
    EXPECT_EQ(support::read_file(disk_), before);
  };
  refused("1", "another partition lies behind it");
  refused("0", "no such partition");
  refused("129", "no such partition");
  std::string bytes = support::read_file(disk_);
  bytes[2 * 512 + 33] ^= 1;
  support::write_file_atomic(disk_, bytes);
  refused("2", "damaged");
  fs::resize_file(disk_, 512);
  refused("2", "cannot be read");
  support::write_file_atomic(disk_, std::string(4 * kMiB, '\0'));
  refused("2", "no partition table");
  EXPECT_EQ(support::run({.argv = {program_.string(), "partition"}}).exit_status, 1);
}

}  // namespace
}  // namespace vmimage::disk
