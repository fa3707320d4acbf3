// qcow2 written in place, held against qemu-img: it is whole, and says what a raw disk written alike says.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "expect.hpp"
#include "filesystem/block_device.hpp"
#include "filesystem/qcow2.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::filesystem {
namespace {

namespace fs = std::filesystem;
using support::run_checked;
using support::TempDir;

constexpr std::uint64_t kMiB = 1 << 20;

class Qcow2Test : public testing::Test {
 protected:
  /// Both disks with the same data: `data` bytes of noise in the middle of each MiB, nothing elsewhere.
  void make(std::uint64_t size, std::uint64_t data = 100'000) {
    support::write_file_atomic(raw(), "");
    fs::resize_file(raw(), size);
    {
      RawFile file(raw(), DeviceAccess::Write);
      for (std::uint64_t at = kMiB / 3; data > 0 && at + data < size; at += 7 * kMiB)
        file.write(at, noise(data).data(), data);
    }
    run_checked({.argv = {"qemu-img", "convert", "-O", "qcow2", raw(), qcow2()}});
  }

  std::vector<char> noise(std::uint64_t size) {
    std::vector<char> bytes(size);
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(random_()); });
    return bytes;
  }

  void expect_whole_and_same() {
    const auto check = support::run({.argv = {"qemu-img", "check", "-f", "qcow2", qcow2()}});
    EXPECT_TRUE(check.ok()) << check.out << check.err;
    const auto compare =
        support::run({.argv = {"qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw(), qcow2()}});
    EXPECT_TRUE(compare.ok()) << compare.out << compare.err;
  }

  std::string refusal() {
    return error_of([&] { Qcow2Image image(qcow2()); }).what();
  }

  fs::path raw() const { return folder_.path() / "raw"; }
  fs::path qcow2() const { return folder_.path() / "qcow2"; }

  TempDir folder_;
  std::mt19937 random_{20261124};
};

TEST_F(Qcow2Test, TellsWhereItsDataIsAsQemuDoes) {
  make(300 * kMiB + 512);
  const auto found = Qcow2Image(qcow2(), DeviceAccess::Read).data();
  const auto expected = NbdImage(qcow2(), "qcow2", DeviceAccess::Read).data();
  ASSERT_EQ(found.size(), expected.size());
  ASSERT_GT(found.size(), 10u);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].offset, expected[i].offset);
    EXPECT_EQ(found[i].size, expected[i].size);
  }
  fs::remove(qcow2());  // which qemu-nbd may still be closing
  run_checked({.argv = {"qemu-img", "convert", "-c", "-O", "qcow2", raw(), qcow2()}});
  EXPECT_THROW(Qcow2Image(qcow2(), DeviceAccess::Read).data(), support::Error);
}

TEST_F(Qcow2Test, WritesWhatARawDiskWouldHold) {
  make(1100 * kMiB + 512);  // three level 2 tables; not a whole number of clusters
  {
    RawFile plain(raw(), DeviceAccess::Write);
    Qcow2Image image(qcow2());
    ASSERT_EQ(1100 * kMiB + 512, image.size());
    for (int i = 0; i < 300; ++i) {
      const std::uint64_t size = 1 + random_() % (i % 10 == 0 ? 300'000 : 9'000);
      const std::uint64_t offset = i % 50 == 0 ? image.size() - size : random_() % (image.size() - size);
      if (i % 5 == 4) {
        plain.zero(offset, size);
        image.zero(offset, size);
      } else {
        const auto bytes = i % 7 == 6 ? std::vector<char>(size) : noise(size);
        plain.write(offset, bytes.data(), size);
        image.write(offset, bytes.data(), size);
      }
      std::vector<char> back(size), expected(size);
      image.read(offset, back.data(), size);
      plain.read(offset, expected.data(), size);
      ASSERT_EQ(expected, back) << i;
    }
    image.flush();
  }
  expect_whole_and_same();
}

TEST_F(Qcow2Test, IsReadAgainAndWrittenOn) {
  make(64 * kMiB);
  for (int round = 0; round < 3; ++round) {
    RawFile plain(raw(), DeviceAccess::Write);
    Qcow2Image image(qcow2());
    const auto bytes = noise(3 * kMiB);
    plain.write(static_cast<std::uint64_t>(round) * 2 * kMiB + 100, bytes.data(), bytes.size());
    image.write(static_cast<std::uint64_t>(round) * 2 * kMiB + 100, bytes.data(), bytes.size());
    image.flush();
    expect_whole_and_same();
  }
}

TEST_F(Qcow2Test, ZeroesTakeNoSpace) {
  make(64 * kMiB, 0);
  const auto before = support::read_file(qcow2());
  Qcow2Image image(qcow2());
  const std::vector<char> zeroes(5 * kMiB);
  image.write(kMiB, zeroes.data(), zeroes.size());
  image.zero(0, image.size());
  image.flush();
  EXPECT_EQ(before, support::read_file(qcow2()));
  expect_whole_and_same();
}

TEST_F(Qcow2Test, GrowsByFurtherBlocksOfReferenceCounts) {
  // One block counts 2 GiB of clusters: the file goes on shortly before that.
  make(64 * kMiB);
  fs::resize_file(qcow2(), (2ull << 30) - (5 << 16));
  {
    RawFile plain(raw(), DeviceAccess::Write);
    Qcow2Image image(qcow2());
    for (std::uint64_t at = 0; at < image.size(); at += kMiB) {
      plain.write(at, "x", 1);
      image.write(at, "x", 1);
    }
    image.flush();
  }
  EXPECT_GT(fs::file_size(qcow2()), 2ull << 30);
  expect_whole_and_same();
}

TEST_F(Qcow2Test, TheSameWritesGiveTheSameFile) {
  make(64 * kMiB);
  fs::copy_file(qcow2(), folder_.path() / "copy");
  const auto bytes = noise(2 * kMiB);
  for (const fs::path& path : {qcow2(), folder_.path() / "copy"}) {
    Qcow2Image image(path);
    image.write(40 * kMiB + 5, bytes.data(), bytes.size());
    image.flush();
  }
  EXPECT_EQ(support::read_file(qcow2()), support::read_file(folder_.path() / "copy"));
}

TEST_F(Qcow2Test, RefusesWhatItWouldDamage) {
  const auto created = [&](std::vector<std::string> options) {
    fs::remove(qcow2());
    std::vector<std::string> argv{"qemu-img", "create", "-q", "-f", "qcow2"};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.insert(argv.end(), {qcow2(), "64M"});
    run_checked({.argv = argv});
    return refusal();
  };
  EXPECT_TRUE(contains(created({"-o", "compat=0.10"}), "it is not of version 3"));
  EXPECT_TRUE(contains(created({"-o", "cluster_size=4096"}), "its clusters are not of 64 KiB"));
  EXPECT_TRUE(contains(created({"-o", "refcount_bits=1"}), "its reference counts are not of 16 bits"));
  EXPECT_TRUE(contains(created({"-o", "extended_l2=on"}), "uses other features"));
  EXPECT_TRUE(contains(created({"-o", "data_file=" + (folder_.path() / "data").string()}), "other features"));
  EXPECT_TRUE(contains(created({"-o", "compression_type=zstd"}), "other features"));
  make(64 * kMiB);
  EXPECT_TRUE(contains(created({"-b", raw(), "-F", "raw"}), "it has a backing file"));
  make(64 * kMiB);
  run_checked({.argv = {"qemu-img", "snapshot", "-c", "one", qcow2()}});
  EXPECT_TRUE(contains(refusal(), "it has snapshots"));
  make(64 * kMiB);
  RawFile(qcow2(), DeviceAccess::Write).write(24, std::string(8, '\xff').data(), 8);
  EXPECT_TRUE(contains(refusal(), "its disk has an impossible size"));
  support::write_file_atomic(qcow2(), std::string(200, 'x'));
  EXPECT_TRUE(contains(refusal(), "it is no qcow2 image"));
  support::write_file_atomic(qcow2(), "");
  EXPECT_TRUE(contains(refusal(), "it is too short"));
}

TEST_F(Qcow2Test, RefusesClustersThatAreCompressed) {
  make(64 * kMiB);
  run_checked({.argv = {"qemu-img", "convert", "-c", "-O", "qcow2", raw(), qcow2()}});
  Qcow2Image image(qcow2());
  std::vector<char> buffer(kMiB);
  EXPECT_TRUE(contains(error_of([&] { image.read(0, buffer.data(), kMiB); }).what(), "compressed"));
  EXPECT_TRUE(contains(error_of([&] { image.write(0, noise(kMiB).data(), kMiB); }).what(), "compressed"));
}

TEST_F(Qcow2Test, ACutOrDamagedOneIsAnErrorNotACrash) {
  make(64 * kMiB);
  const auto whole = fs::file_size(qcow2());
  const auto attempt = [&] {
    try {
      Qcow2Image image(qcow2());
      std::vector<char> buffer(kMiB);
      for (std::uint64_t at = 0; at + kMiB <= std::min<std::uint64_t>(image.size(), 64 * kMiB); at += kMiB) {
        image.read(at, buffer.data(), kMiB);
        image.write(at, buffer.data(), 1000);
      }
      image.flush();
    } catch (const support::Error&) {
    }
  };
  const std::string bytes = support::read_file(qcow2());
  for (std::uint64_t cut = 0; cut < whole; cut += 130'000) {
    support::write_file_atomic(qcow2(), std::string_view(bytes).substr(0, cut));
    attempt();
  }
  for (int i = 0; i < 200; ++i) {  // the header, and the tables behind it
    std::string damaged = bytes;
    damaged[i < 110 ? static_cast<std::size_t>(i) : random_() % (5 << 16)] ^=
        static_cast<char>(1 + random_() % 255);
    support::write_file_atomic(qcow2(), damaged);
    attempt();
  }
}

TEST_F(Qcow2Test, EndsAtItsEnd) {
  make(kMiB);
  Qcow2Image image(qcow2());
  char byte = 'x';
  EXPECT_TRUE(contains(error_of([&] { image.read(kMiB, &byte, 1); }).what(), "the disk ends too early"));
  EXPECT_TRUE(contains(error_of([&] { image.write(kMiB, &byte, 1); }).what(), "the disk ends too early"));
}

}  // namespace
}  // namespace vmimage::filesystem
