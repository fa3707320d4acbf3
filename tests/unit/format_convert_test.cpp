// Every format written from a disk, and read back by somebody else's program; what is damaged is refused.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "disk/gpt.hpp"
#include "expect.hpp"
#include "format/check.hpp"
#include "format/deflate.hpp"
#include "format/format.hpp"
#include "format/grow.hpp"
#include "format/ovf.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmimage::format {
namespace {

namespace fs = std::filesystem;
using support::ErrorKind;

constexpr std::uint64_t kMiB = 1 << 20;

std::string run(const std::vector<std::string>& argv) {
  return support::run_checked({.argv = argv});
}

/// A disk of 9.5 MiB with a partition table, data that does not compress, a hole, and data at its end.
class ConvertTest : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_PROGRAM("qemu-img");
    support::write_file_atomic(raw_, "");
    fs::resize_file(raw_, 9 * kMiB + kMiB / 2);
    disk::write_gpt(raw_, disk::derived_uuid("disk"),
                    {{"root", disk::kRootX8664Type, disk::derived_uuid("root"), kMiB, 8 * kMiB}});
    std::string noise;
    for (int i = 0; noise.size() < 3 * kMiB; ++i)
      noise += support::sha256(std::to_string(i));
    filesystem::RawFile disk(raw_, filesystem::DeviceAccess::Write);
    disk.write(kMiB + 4096, noise.data(), noise.size());
    disk.write(9 * kMiB - 700, noise.data(), 700);
    about_.name = "orders-vm";
    about_.version = "1.4 & more";
    about_.base = "debian:bookworm";
    about_.seed = "sha256:0123";
    about_.memory = 256 * kMiB;
    about_.hardware = Hardware::Paravirtual;
    about_.time = 315532800;
  }
  fs::path path(const std::string& name) const { return folder_.path() / name; }
  fs::path write(const std::string& format, const std::string& name) {
    convert(find_disk(raw_), find(format), about_, path(name));
    return path(name);
  }
  fs::path write(const std::string& format) { return write(format, "image" + find(format).extension); }
  void expect_same(const fs::path& image, const std::string& driver) {
    EXPECT_NO_THROW(run({"qemu-img", "compare", "-f", "raw", "-F", driver, raw_, image})) << image;
  }
  /// What is wrong with an image that is to be converted; empty: nothing.
  static std::string problem(const fs::path& image) {
    try {
      open_checked(find_disk(image));
      return {};
    } catch (const support::Error& error) {
      EXPECT_EQ(ErrorKind::Usage, error.kind()) << error.what();
      return error.what();
    }
  }

  support::TempDir folder_;
  fs::path raw_ = folder_.path() / "disk.raw";
  Description about_;
};

TEST_F(ConvertTest, QemuReadsWhatIsWritten) {
  for (const auto& [format, driver] : std::map<std::string, std::string>{{"qcow2", "qcow2"},
                                                                         {"qcow2-zstd", "qcow2"},
                                                                         {"raw", "raw"},
                                                                         {"vmdk", "vmdk"},
                                                                         {"vdi", "vdi"},
                                                                         {"vhdx", "vhdx"}}) {
    support::write_file_atomic(path("image" + find(format).extension), std::string(1000, 'x'));
    expect_same(write(format), driver);
  }
  const auto info =
      support::parse_json(run({"qemu-img", "info", "--output=json", path("image.zstd.qcow2")}), "info");
  EXPECT_EQ("zstd", info["format-specific"]["data"]["compression-type"]);
  const auto vmdk =
      support::parse_json(run({"qemu-img", "info", "--output=json", path("image.vmdk")}), "info");
  EXPECT_EQ("streamOptimized", vmdk["format-specific"]["data"]["create-type"]);
  EXPECT_LT(fs::file_size(path("image.zstd.qcow2")), fs::file_size(path("image.qcow2")));
  EXPECT_LT(std::stoull(run({"du", "--block-size=1M", path("image.raw")})), 6u) << "it is not sparse";
}

TEST_F(ConvertTest, EachIsReadBackFromItsContent) {
  const auto original = support::read_file(raw_);
  for (const auto& format : all()) {
    const fs::path image = write(format.name, "file without an extension that says anything");
    const Source source = find_disk(image);
    EXPECT_EQ(format.name == "qcow2-zstd" ? "qcow2" : format.name, source.format);
    EXPECT_EQ("", problem(image)) << format.name;
    const auto disk = open_image(source);
    ASSERT_GE(disk->size(), original.size()) << format.name;
    std::string content(original.size(), '\0');
    disk->read(0, content.data(), content.size());
    if (disk->size() == original.size())
      EXPECT_EQ(support::sha256(original), support::sha256(content)) << format.name;
    else  // larger, with the table told so
      EXPECT_EQ(support::sha256(original.substr(kMiB, 8 * kMiB)),
                support::sha256(content.substr(kMiB, 8 * kMiB)));
    EXPECT_EQ(1u, disk::read_gpt(*disk, format.name).size());
  }
}

TEST_F(ConvertTest, TheSameImageGivesTheSameBytesWhateverItIsReadFrom) {
  const fs::path qcow2 = write("qcow2"), ova = write("ova");
  for (const auto& format : all()) {
    if (format.name == "qcow2")
      continue;  // qemu-img lays it out as its source is
    const std::string first = support::sha256_file(write(format.name, "first"));
    EXPECT_EQ(first, support::sha256_file(write(format.name, "second"))) << format.name;
    convert(find_disk(ova), format, about_, path("third"));
    convert(find_disk(qcow2), format, about_, path("fourth"));
    if (format.name != "vdi" && format.name != "vhdx" && format.name != "qcow2-zstd") {
      EXPECT_EQ(first, support::sha256_file(path("third"))) << format.name << " from an OVA";
      EXPECT_EQ(first, support::sha256_file(path("fourth"))) << format.name << " from qcow2";
    }
  }
  const std::string before = support::sha256_file(write("vhdx"));
  about_.seed = "sha256:4567";
  EXPECT_NE(before, support::sha256_file(write("vhdx")));
}

TEST_F(ConvertTest, VhdIsOfWholeMegabytesWithABackupTableAtItsEnd) {
  REQUIRE_PROGRAM("vhdiinfo");
  const fs::path image = write("vhd");
  EXPECT_EQ(10 * kMiB + 512, fs::file_size(image));
  const std::string info = run({"vhdiinfo", image});
  EXPECT_TRUE(contains(info, "Fixed")) << info;
  EXPECT_TRUE(contains(info, "(10485760 bytes)")) << info;
  const auto qemu =
      support::parse_json(run({"qemu-img", "info", "-f", "vpc", "--output=json", image}), "info");
  EXPECT_EQ(10 * kMiB, qemu["virtual-size"].get<std::uint64_t>());
  fs::resize_file(image, 10 * kMiB);  // without the footer: the disk
  const std::string verified = run({"sfdisk", "--verify", image});
  EXPECT_TRUE(contains(verified, "No errors detected")) << verified;
}

TEST_F(ConvertTest, VhdxAndVdiAreReadByOthers) {
  REQUIRE_PROGRAM("vhdiinfo");
  REQUIRE_PROGRAM("7z");
  const std::string info = run({"vhdiinfo", write("vhdx")});
  EXPECT_TRUE(contains(info, "VHDX (version 2)")) << info;
  EXPECT_TRUE(contains(info, "(9961472 bytes)")) << info;
  for (const std::string format : {"vhdx", "vdi", "vmdk"}) {
    run({"7z", "x", "-y", "-t" + format, "-o" + path(format).string(), write(format)});
    ASSERT_TRUE(fs::is_directory(path(format)));
    const fs::path disk = fs::directory_iterator(path(format))->path();
    EXPECT_EQ(support::sha256_file(raw_), support::sha256_file(disk)) << format;
  }
}

TEST_F(ConvertTest, VmdkIsReadByOthers) {
  REQUIRE_PROGRAM("vmdkinfo");
  const std::string info = run({"vmdkinfo", write("vmdk")});
  EXPECT_TRUE(contains(info, "Stream optimized")) << info;
  EXPECT_TRUE(contains(info, "(9961472 bytes)")) << info;
}

TEST_F(ConvertTest, GoogleGetsAnOldGnuTarWithASparseDiskOfWholeGigabytes) {
  const fs::path image = write("gce");
  EXPECT_TRUE(run({"tar", "--list", "--verbose", "-f", image}).ends_with(" disk.raw\n"));
  run({"tar", "--extract", "--sparse", "-f", image, "-C", folder_.path(), "--transform=s/disk/google/"});
  EXPECT_EQ(1ull << 30, fs::file_size(path("google.raw")));
  EXPECT_LT(std::stoull(run({"du", "--block-size=1M", path("google.raw")})), 20u);
  EXPECT_TRUE(contains(run({"sfdisk", "--verify", path("google.raw")}), "No errors detected"));
  run({"cmp", "--ignore-initial=1048576", "--bytes=8388608", raw_, path("google.raw")});
  std::string magic(8, '\0');
  support::write_file_atomic(path("tar"), run({"gzip", "-dc", image}));
  filesystem::RawFile(path("tar"), filesystem::DeviceAccess::Read).read(257, magic.data(), 8);
  EXPECT_EQ(std::string("ustar  \0", 8), magic);
}

TEST_F(ConvertTest, GzipReadsACompressedDisk) {
  const fs::path image = write("raw.gz");
  run({"gzip", "--test", image});
  EXPECT_EQ(support::sha256(support::read_file(raw_)), support::sha256(run({"gzip", "-dc", image})));
}

TEST(Gzip, LongZeroesAndOddLengthsComeBack) {
  REQUIRE_PROGRAM("gzip");
  const support::TempDir folder;
  Output output(folder.path() / "a.gz");
  GzipWriter gzip(output);
  gzip.zeroes(0);
  gzip.append("begin");
  gzip.zeroes(3 * kMiB + 17);
  gzip.append(std::string(2 * kMiB + 1, 'x'));
  gzip.zeroes(5);
  gzip.append("end");
  gzip.finish();
  EXPECT_EQ("begin" + std::string(3 * kMiB + 17, '\0') + std::string(2 * kMiB + 1, 'x') +
                std::string(5, '\0') + "end",
            run({"gzip", "-dc", folder.path() / "a.gz"}));
}

TEST_F(ConvertTest, AnOvaHasItsMembersInOrderAndTheirDigests) {
  REQUIRE_PROGRAM("xmllint");
  const fs::path image = write("ova");
  EXPECT_EQ("orders-vm.ovf\norders-vm.mf\norders-vm-disk1.vmdk\n", run({"tar", "--list", "-f", image}));
  run({"tar", "--extract", "-f", image, "-C", folder_.path()});
  for (const std::string line : {"orders-vm.ovf", "orders-vm-disk1.vmdk"})
    EXPECT_TRUE(contains(support::read_file(path("orders-vm.mf")),
                         fmt::format("SHA256({})= {}\n", line, support::sha256_file(path(line)))));
  expect_same(path("orders-vm-disk1.vmdk"), "vmdk");
  const auto value = [&](const std::string& expression) {
    std::string text = run({"xmllint", "--xpath", "string(" + expression + ")", path("orders-vm.ovf")});
    return text.substr(0, text.find_last_not_of('\n') + 1);
  };
  const auto element = [](const std::string& name) { return "//*[local-name()='" + name + "']"; };
  const auto item = [&](const std::string& type, const std::string& name) {
    return value("//*[local-name()='Item'][*[local-name()='ResourceType']='" + type + "']/*[local-name()='" +
                 name + "']");
  };
  EXPECT_EQ(std::to_string(fs::file_size(path("orders-vm-disk1.vmdk"))),
            value(element("File") + "/@*[local-name()='size']"));
  EXPECT_EQ("9961472", value(element("Disk") + "/@*[local-name()='capacity']"));
  EXPECT_EQ("1.4 & more", value(element("Version")));
  EXPECT_EQ("1", item("3", "VirtualQuantity"));
  EXPECT_EQ("256", item("4", "VirtualQuantity"));
  EXPECT_EQ("VirtualSCSI", item("6", "ResourceSubType"));
  EXPECT_EQ("VmxNet3", item("10", "ResourceSubType"));
  EXPECT_EQ("efi", value(element("Config") + "/@*[local-name()='value']"));
  EXPECT_EQ(item("6", "InstanceID"), item("17", "Parent"));
}

TEST(Ovf, NamesOnlyHardwareThatTheKernelHasDriversFor) {
  Description about;
  about.memory = 128 * kMiB;
  about.hardware = Hardware::Emulated;
  const std::string emulated = write_ovf({about, "disk.vmdk", 1, 1, 1});
  EXPECT_TRUE(contains(emulated, ">AHCI<")) << emulated;
  EXPECT_TRUE(contains(emulated, ">E1000<"));
  EXPECT_TRUE(contains(emulated, "vmw:value=\"bios\"")) << "too little memory for UEFI";
  EXPECT_TRUE(contains(emulated, "ovf:id=\"101\" vmw:osType=\"otherLinux64Guest\""));
  about.hardware = Hardware::Paravirtual;
  const std::string paravirtual = write_ovf({about, "disk.vmdk", 1, 1, 1});
  EXPECT_FALSE(contains(paravirtual, "AHCI"));
  EXPECT_FALSE(contains(paravirtual, "E1000"));
}

TEST(Ovf, ItsDisksAreFoundUnderAnyPrefix) {
  const auto disks = read_ovf_disks(
      "<o:Envelope xmlns:o='http://schemas.dmtf.org/ovf/envelope/1'><o:References>"
      "<o:File o:id='f' o:href='a&amp;b.vmdk' o:compression='gzip' o:chunkSize='7'/></o:References>"
      "<o:DiskSection><o:Disk o:diskId='d' o:fileRef='f'/><o:Disk "
      "o:diskId='empty'/></o:DiskSection></o:Envelope>",
      "x.ova");
  ASSERT_EQ(2u, disks.size());
  EXPECT_EQ("a&b.vmdk", disks[0].file);
  EXPECT_EQ("gzip", disks[0].compression);
  EXPECT_TRUE(disks[0].chunked);
  EXPECT_EQ("", disks[1].file);
  const auto refused = [](const std::string& text) {
    return std::string(error_of([&] { read_ovf_disks(text, "x.ova"); }).what());
  };
  EXPECT_TRUE(contains(refused("no XML <"), "x.ova: failed to read the OVF descriptor"));
  EXPECT_TRUE(contains(refused(""), "x.ova: failed to read the OVF descriptor"));
  EXPECT_TRUE(contains(refused("<domain/>"), "is no 'Envelope' but a 'domain'"));
  EXPECT_TRUE(
      contains(refused("<Envelope><DiskSection><Disk diskId='d' fileRef='f'/></DiskSection></Envelope>"),
               "the disk 'd' is in the file 'f', which is not among"));
}

TEST_F(ConvertTest, ACutImageIsRefused) {
  for (const auto& format : all()) {
    const fs::path image = write(format.name, "cut");
    fs::resize_file(image, fs::file_size(image) * 2 / 3);
    EXPECT_NE("", problem(image)) << format.name;
  }
  fs::resize_file(path("cut"), 0);
  EXPECT_TRUE(contains(problem(path("cut")), "it is empty"));
}

TEST_F(ConvertTest, WhatIsNoDiskIsRefused) {
  support::write_file_atomic(path("text"), std::string(5000, 'a'));
  EXPECT_TRUE(contains(problem(path("text")), "is no disk image")) << problem(path("text"));
  EXPECT_TRUE(contains(problem(path("absent")), "no such file"));
  EXPECT_TRUE(contains(problem(folder_.path()), "it is a folder"));
  for (const std::string compress : {"--gzip", "--no-auto-compress"}) {
    run({"tar", "--create", compress, "-C", folder_.path(), "-f", path("some.tar"), "text"});
    EXPECT_TRUE(contains(problem(path("some.tar")), "with no disk in it")) << problem(path("some.tar"));
  }
}

/// An OVA with its descriptor changed.
class OvaTest : public ConvertTest {
 protected:
  void SetUp() override {
    ConvertTest::SetUp();
    if (IsSkipped())
      return;
    run({"tar", "--extract", "-f", write("ova"), "-C", folder_.path()});
  }
  fs::path pack(const std::vector<std::string>& members) {
    std::vector<std::string> argv{"tar", "--create", "-C", folder_.path(), "-f", path("packed.ova")};
    argv.insert(argv.end(), members.begin(), members.end());
    run(argv);
    return path("packed.ova");
  }
};

TEST_F(OvaTest, ItsMembersMayComeInAnyOrder) {
  EXPECT_EQ("", problem(pack({"orders-vm-disk1.vmdk", "orders-vm.mf", "orders-vm.ovf"})));
  EXPECT_EQ("", problem(pack({"orders-vm.ovf", "orders-vm-disk1.vmdk"}))) << "digests need not be there";
}

TEST_F(OvaTest, AMissingDiskIsNamed) {
  EXPECT_TRUE(contains(problem(pack({"orders-vm.ovf", "orders-vm.mf"})),
                       "names the disk 'orders-vm-disk1.vmdk', which is not in it"));
}

TEST_F(OvaTest, AMemberThatDiffersFromItsDigestIsNamed) {
  std::ofstream(path("orders-vm-disk1.vmdk"), std::ios::app) << std::string(512, '\0');
  EXPECT_TRUE(
      contains(problem(pack({"orders-vm.ovf", "orders-vm.mf", "orders-vm-disk1.vmdk"})),
               "'orders-vm-disk1.vmdk' in it does not have the SHA256 digest that its manifest says"));
}

TEST_F(OvaTest, ADiskThatNamesOtherFilesOfThisMachineIsRefused) {
  support::write_file_atomic(path("orders-vm-disk1.vmdk"),
                             "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n"
                             "createType=\"monolithicFlat\"\nRW 8 FLAT \"/etc/passwd\" 0\n");
  EXPECT_TRUE(
      contains(problem(pack({"orders-vm.ovf", "orders-vm-disk1.vmdk"})), "in a format that is not read"));
}

}  // namespace
}  // namespace vmimage::format
