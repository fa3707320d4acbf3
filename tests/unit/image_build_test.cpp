// The whole way, on a tiny base that needs no network: recipe in, image files out, read back by inspect and
// by QEMU's and e2fsprogs' own tools.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "disk/assemble.hpp"
#include "disk/gpt.hpp"
#include "filesystem/block_device.hpp"
#include "image/build.hpp"
#include "inspect/image.hpp"
#include "support/digest.hpp"
#include "tiny_kit.hpp"

namespace vmimage::image {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using support::ErrorKind;
using support::run_checked;
using support::TempDir;
using support::write_file_atomic;

class BuildTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* program : {"as", "qemu-img", "qemu-nbd", "mkfs.fat", "mcopy"})
      REQUIRE_PROGRAM(program);
    ::setenv("VMIMAGE_CACHE", cache_.root().c_str(), 1);
    ::unsetenv("SOURCE_DATE_EPOCH");
    kit_ = plant_tiny_kit(fresh());
    recipe_.lock = folder_.path() / "lock.json";
    write_file_atomic(*recipe_.lock, recipe::to_json(tiny_lock()));
    fs::create_directories(folder_.path() / "stage/usr/bin");
    write_file_atomic(program(), "#!/bin/sh\nexec sleep 1000\n", 0755);
    recipe_.name = "orders-vm";
    recipe_.version = "1.4.0";
    recipe_.base = "minimal";
    recipe_.command = {"orders", "--port", "8080"};
    recipe_.service = "orders";
    recipe_.user = "orders";
    recipe_.trees = {folder_.path() / "stage"};
    recipe_.ports = {{8080, recipe::Protocol::Tcp}};
    recipe_.health = recipe::parse_health("http://:8080/healthz");
    recipe_.disk = 64 << 20;
  }

  fs::path program() const { return folder_.path() / "stage/usr/bin/orders"; }
  fs::path out() const { return folder_.path() / "out"; }

  Built build() {
    return build_image(recipe_, out(), "orders-vm", fresh(), [](const std::string&) {});
  }

  support::Error refusal() {
    const auto error = error_of([&] { build(); });
    EXPECT_EQ(ErrorKind::Usage, error.kind()) << error.what();
    EXPECT_TRUE(!fs::exists(out()) || fs::is_empty(out())) << "something is left";
    return error;
  }

  /// The root partition alone, as a file.
  fs::path root_of(const fs::path& image) {
    const fs::path raw = folder_.path() / "raw", root = folder_.path() / "root";
    run_checked({.argv = {"qemu-img", "convert", "-O", "raw", image, raw}});
    filesystem::RawFile device(raw, filesystem::DeviceAccess::Read);
    const auto partitions = disk::read_gpt(device, "raw");
    const auto& partition = disk::partition_of_type(partitions, disk::kRootX8664Type, "raw");
    run_checked({.argv = {"dd", "if=" + raw.string(), "of=" + root.string(), "bs=1M", "conv=sparse",
                          "skip=" + std::to_string(partition.offset >> 20),
                          "count=" + std::to_string(partition.size >> 20)}});
    fs::resize_file(root, partition.size);
    return root;
  }

  TempDir folder_;
  /// As another run of the program has it: what a cache gave out is in use for as long as it lives.
  cache::Cache fresh() const { return cache::Cache(cache_.root()); }

  cache::Cache cache_{folder_.path() / "cache"};
  base::Kit kit_;
  recipe::Recipe recipe_;
};

TEST_F(BuildTest, WritesEachFormatAndTheManifest) {
  recipe_.formats = {"raw", "vmdk", "vdi", "vhdx"};
  const Built built = build();
  std::vector<fs::path> expected;
  for (const char* extension : {".qcow2", ".raw", ".vmdk", ".vdi", ".vhdx", ".json"})
    expected.push_back(out() / (std::string("orders-vm") + extension));
  EXPECT_EQ(expected, built.files);
  EXPECT_EQ(6, entries_in(out())) << "nothing else";
  for (const auto& file : expected) {
    if (file.extension() == ".json")
      continue;
    const json info = json::parse(run_checked({.argv = {"qemu-img", "info", "--output=json", file}}));
    EXPECT_EQ(file.extension().string().substr(1), info.at("format"));
    EXPECT_EQ(64 << 20, info.at("virtual-size"));
    run_checked({.argv = {"qemu-img", "compare", expected[0], file}});
    EXPECT_EQ(recipe::to_json(built.manifest), recipe::to_json(inspect::load_manifest(file))) << file;
  }
  EXPECT_EQ(recipe::to_json(built.manifest), support::read_file(out() / "orders-vm.json"));
  EXPECT_EQ(recipe::to_json(built.manifest),
            recipe::to_json(inspect::load_manifest(out() / "orders-vm.json")));
}

TEST_F(BuildTest, TheManifestSaysWhatWentIn) {
  const recipe::Manifest manifest = build().manifest;
  EXPECT_EQ("orders-vm", manifest.name);
  EXPECT_EQ("busybox", manifest.init);
  EXPECT_EQ("6.1.0-tiny", manifest.boot.kernel_version);
  EXPECT_TRUE(manifest.digest.starts_with("sha256:"));
  EXPECT_EQ(64u << 20, manifest.disk);
  ASSERT_EQ(1u, manifest.packages.size());
  EXPECT_EQ("linux-tiny", manifest.packages[0].name);
  const auto file = std::find_if(manifest.files.begin(), manifest.files.end(),
                                 [](const auto& record) { return record.path == "/usr/bin/orders"; });
  ASSERT_NE(manifest.files.end(), file);
  EXPECT_EQ(support::sha256_file(program()), file->sha256);
}

TEST_F(BuildTest, TheRootIsWholeAndHoldsTheService) {
  build();
  const fs::path root = root_of(out() / "orders-vm.qcow2");
  const auto verdict = support::run({.argv = {"e2fsck", "-f", "-n", root}});
  EXPECT_TRUE(verdict.ok()) << verdict.out;
  const auto debugfs = [&](const std::string& request) {
    return run_checked({.argv = {"debugfs", "-R", request, root}});
  };
  EXPECT_EQ(support::read_file(program()), debugfs("cat /usr/bin/orders"));
  EXPECT_TRUE(contains(debugfs("cat /etc/passwd"), "\norders:x:998:998::/var/lib/orders:"));
  EXPECT_TRUE(contains(debugfs("cat /usr/lib/vmimage/service"), "/usr/bin/orders --port 8080"));
  EXPECT_TRUE(contains(debugfs("stat /var/lib/orders"), "User:   998   Group:   998"));
  EXPECT_EQ(support::read_file(out() / "orders-vm.json"), debugfs("cat /usr/lib/vmimage/manifest.json"));
  EXPECT_TRUE(contains(debugfs("stat /usr/bin/orders"), "1980"));
}

TEST_F(BuildTest, KernelAndInitrdAreTakenOutOfTheImage) {
  const Built built = build();
  const auto files = inspect::boot_files(built.files[0], built.manifest);
  EXPECT_EQ(support::sha256_file(kit_.kernel()), support::sha256_file(files.kernel));
  EXPECT_EQ(support::sha256_file(kit_.initrd()), support::sha256_file(files.initrd));
  EXPECT_EQ(base::kernel_command_line(), files.command_line);
}

TEST_F(BuildTest, TheSameInputGivesTheSameBytes) {
  recipe_.formats = {"qcow2", "raw"};
  build();
  const auto digests = [&] {
    std::vector<std::string> list;
    for (const char* name : {"orders-vm.qcow2", "orders-vm.raw", "orders-vm.json"})
      list.push_back(support::sha256_file(out() / name));
    return list;
  };
  const auto first = digests();
  EXPECT_FALSE(cache_.prune(0).empty());
  plant_tiny_kit(fresh());
  ::sleep(1);  // a clock that got in would show
  fs::last_write_time(program(), fs::file_time_type::clock::now());
  build();
  EXPECT_EQ(first, digests());
  ::setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  build();
  EXPECT_NE(first, digests());
  ::unsetenv("SOURCE_DATE_EPOCH");
}

TEST_F(BuildTest, EveryInputChangesTheDigest) {
  std::vector<std::string> digests{build().manifest.digest};
  const auto next = [&] { digests.push_back(build().manifest.digest); };
  recipe_.command.push_back("--more");
  next();
  recipe_.environment = {{"A", "1"}};
  next();
  recipe_.user = "other";
  next();
  recipe_.disk = 65 << 20;
  next();
  recipe_.size.cpus = 2;
  next();
  write_file_atomic(program(), "#!/bin/sh\nexit\n", 0755);
  next();
  write_file_atomic(folder_.path() / "stage/data", "x", 0644);
  next();
  fs::permissions(folder_.path() / "stage/data", fs::perms::owner_exec, fs::perm_options::add);
  next();
  fs::remove(folder_.path() / "stage/data");
  fs::create_symlink("x", folder_.path() / "stage/data");
  next();
  std::sort(digests.begin(), digests.end());
  EXPECT_EQ(digests.end(), std::adjacent_find(digests.begin(), digests.end()));
}

TEST_F(BuildTest, AProgramThatIsNotThereIsInvalidInput) {
  recipe_.command = {"ordres"};
  EXPECT_STREQ("failed to find the service's program 'ordres' in the image", refusal().what());
  recipe_.command = {"/usr/bin/ordres"};
  EXPECT_STREQ("failed to find the service's program '/usr/bin/ordres' in the image", refusal().what());
  recipe_.trees.clear();
  EXPECT_TRUE(contains(refusal().what(), "nothing is put into the image"));
}

TEST_F(BuildTest, AProgramThatCannotRunIsInvalidInput) {
  fs::permissions(program(), fs::perms(0644));
  EXPECT_TRUE(contains(refusal().what(), "it is not executable"));
  write_file_atomic(program(), "hello", 0755);
  EXPECT_TRUE(contains(refusal().what(), "neither an ELF program nor a script"));
  write_file_atomic(program(), "#!/usr/bin/python3\n", 0755);
  EXPECT_STREQ("failed to find '/usr/bin/python3', which '/usr/bin/orders' starts with, in the base minimal",
               refusal().what());
  write_file_atomic(program(), "", 0755);
  refusal();
  fs::remove(program());
  fs::create_symlink("orders", program());
  refusal();
}

TEST_F(BuildTest, ADiskThatIsTooSmallIsInvalidInput) {
  recipe_.disk = 20 << 20;
  EXPECT_STREQ("a disk of 20 MiB is too small for this image", refusal().what());
  recipe_.disk = 1;
  refusal();
}

TEST_F(BuildTest, FilesThatDoNotFitAreAnErrorThatSaysSo) {
  write_file_atomic(folder_.path() / "stage/large", noise(60 << 20, 5));
  const auto error = error_of([&] { build(); });
  EXPECT_EQ(ErrorKind::Failure, error.kind());
  EXPECT_TRUE(contains(error.what(), "no space left in the image's root file system of")) << error.what();
  EXPECT_TRUE(contains(error.what(), "'/large'")) << error.what();
  EXPECT_TRUE(fs::is_empty(out()));
}

TEST_F(BuildTest, AFailureKeepsTheImageThatIsThere) {
  build();
  const std::string before = support::sha256_file(out() / "orders-vm.qcow2");
  fs::permissions(program(), fs::perms(0644));
  error_of([&] { build(); });
  EXPECT_EQ(before, support::sha256_file(out() / "orders-vm.qcow2"));
  EXPECT_EQ(2, entries_in(out()));
}

/// As on a full disk: nobody in this process and below may write more than `limit` bytes to a file.
int exit_status_within(rlim_t limit, const std::function<void()>& action, const fs::path& message) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);  // as install_interrupt_handler() does
    const rlimit limits{limit, limit};
    ::setrlimit(RLIMIT_FSIZE, &limits);
    int status = 0;
    try {
      action();
    } catch (const std::exception& exception) {
      const support::Error error = support::as_error(exception);
      write_file_atomic(message, error.what());
      status = error.exit_status();
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

TEST_F(BuildTest, AFullDiskWhileTheImageIsWrittenLeavesNoHalfFile) {
  write_file_atomic(folder_.path() / "stage/data", noise(3 << 20, 6));
  recipe_.formats = {"qcow2", "raw"};
  const fs::path message = folder_.path() / "message";
  const auto attempt = [&] { build(); };
  ASSERT_EQ(0, exit_status_within(RLIM_INFINITY, attempt, message));
  const auto whole = fs::file_size(out() / "orders-vm.qcow2");
  const std::string before = support::sha256_file(out() / "orders-vm.qcow2");
  write_file_atomic(folder_.path() / "stage/data", noise(3 << 20, 7));
  // The base's disk is copied, the service is put in, the other format is written: each has its turn to fail.
  for (const rlim_t limit : {rlim_t{4096}, rlim_t{100'000}, whole / 2, whole - (1 << 20), rlim_t{8} << 20}) {
    EXPECT_EQ(1, exit_status_within(limit, attempt, message)) << limit << ": " << support::read_file(message);
    EXPECT_FALSE(support::read_file(message).empty());
    EXPECT_EQ(before, support::sha256_file(out() / "orders-vm.qcow2")) << limit;
    EXPECT_EQ(3, entries_in(out())) << limit;
  }
  EXPECT_EQ(0, exit_status_within(RLIM_INFINITY, attempt, message));
}

TEST_F(BuildTest, AFullDiskWhileTheBaseIsMadeLeavesNoHalfEntry) {
  const fs::path message = folder_.path() / "message";
  for (const rlim_t limit : {4096, 1 << 20, 3 << 20}) {
    EXPECT_EQ(1, exit_status_within(
                     limit, [&] { build(); }, message))
        << limit << ": " << support::read_file(message);
    EXPECT_FALSE(fs::exists(out()) && !fs::is_empty(out()));
    const auto usage = cache_.usage();
    EXPECT_TRUE(
        std::none_of(usage.begin(), usage.end(), [](const auto& entry) { return entry.kind == "disk"; }));
    EXPECT_TRUE(fs::is_empty(cache_.root() / "tmp"));
  }
  EXPECT_EQ(0, exit_status_within(
                   RLIM_INFINITY, [&] { build(); }, message));
}

TEST_F(BuildTest, AnOutputFolderThatIsAFileIsAnError) {
  write_file_atomic(out(), "a file");
  const auto error = error_of([&] { build(); });
  EXPECT_TRUE(contains(error.what(), out().string())) << error.what();
}

TEST_F(BuildTest, InspectRefusesWhatIsNotOurs) {
  const fs::path work = folder_.path() / "inspect";
  fs::create_directory(work);
  const auto refused = [](const fs::path& path) {
    const auto error = error_of([&] { inspect::load_manifest(path); });
    EXPECT_EQ(ErrorKind::Usage, error.kind()) << path << ": " << error.what();
    return std::string(error.what());
  };
  EXPECT_EQ("failed to open '" + (work / "absent").string() + "': no such file", refused(work / "absent"));
  EXPECT_EQ("failed to open '" + work.string() + "': it is a folder", refused(work));
  write_file_atomic(work / "alone.json", "{}");
  EXPECT_TRUE(contains(refused(work / "alone.json"), "there is none beside it"));
  write_file_atomic(work / "empty", "");
  EXPECT_TRUE(contains(refused(work / "empty"), "it is empty"));
  write_file_atomic(work / "text", "just some text\n");
  EXPECT_TRUE(contains(refused(work / "text"), "is no disk image"));
  // A disk made by the same means, but without a manifest.
  disk::assemble_disk(
      {.size = 64 << 20, .seed = "x", .time = 315532800}, kit_, [](filesystem::Ext4&) {},
      work / "bare.qcow2");
  EXPECT_TRUE(contains(refused(work / "bare.qcow2"), "was not made by vmimage"));
}

TEST_F(BuildTest, ACutImageIsAnErrorNotACrash) {
  build();
  const fs::path image = out() / "orders-vm.qcow2", cut = folder_.path() / "cut.qcow2";
  const auto size = fs::file_size(image);
  for (int part = 0; part < 8; ++part) {
    fs::copy_file(image, cut, fs::copy_options::overwrite_existing);
    fs::resize_file(cut, size * static_cast<std::uintmax_t>(part) / 8);
    try {
      const auto manifest = inspect::load_manifest(cut);
      EXPECT_EQ("orders-vm", manifest.name) << "the manifest lay in front of the cut";
    } catch (const support::Error& error) {
      EXPECT_NE(ErrorKind::Interrupted, error.kind());
    }
  }
}

TEST(ImageTime, IsTheSourceDateEpoch) {
  ::unsetenv("SOURCE_DATE_EPOCH");
  EXPECT_EQ(315532800, image_time());
  for (const auto& [text, time] :
       {std::pair("", 315532800), std::pair("0", 315532800), std::pair("1700000000", 1700000000)}) {
    ::setenv("SOURCE_DATE_EPOCH", text, 1);
    EXPECT_EQ(time, image_time());
  }
  for (const char* text : {"x", "-1", "1.5", "17e8", "1700000000 ", "99999999999999999999"}) {
    ::setenv("SOURCE_DATE_EPOCH", text, 1);
    EXPECT_EQ(ErrorKind::Usage, error_of([] { image_time(); }).kind()) << text;
  }
  ::unsetenv("SOURCE_DATE_EPOCH");
}

}  // namespace
}  // namespace vmimage::image
