// ext4, written by us and read by e2fsck(8) and debugfs(8).

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "expect.hpp"
#include "filesystem/block_device.hpp"
#include "filesystem/ext4.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"

namespace vmimage::filesystem {
namespace {

namespace fs = std::filesystem;
using support::run_checked;
using support::TempDir;

constexpr std::uint64_t kOffset = 1 << 20;  // as in a disk: the file system does not start at 0
constexpr std::uint64_t kSize = 32 << 20;
constexpr std::int64_t kTime = 1'700'000'000;
constexpr const char* kUuid = "01234567-89ab-8def-8123-456789abcdef";
constexpr Attributes kFile{.mode = 0644, .mtime = kTime};
constexpr Attributes kFolder{.mode = 0755, .mtime = kTime};

class Ext4Test : public testing::Test {
 protected:
  void SetUp() override { make(kSize); }

  void make(std::uint64_t size) {
    size_ = size;
    support::write_file_atomic(disk(), "");
    fs::resize_file(disk(), kOffset + size);
    format_ext4(disk(), kOffset, size, "root", kUuid, kTime);
  }

  fs::path disk() const { return folder_.path() / "disk"; }

  template <typename Action>
  void change(Action action) {
    RawFile device(disk(), DeviceAccess::Write);
    Ext4 root(device, kOffset, Ext4::Access::Write, kTime);
    action(root);
    root.close();
  }

  template <typename Action>
  void look(Action action) {
    RawFile device(disk(), DeviceAccess::Read);
    const Ext4 root(device, kOffset, Ext4::Access::Read);
    action(root);
  }

  /// The file system alone, for readers that know no offset.
  fs::path alone() const {
    const fs::path file = folder_.path() / "alone";
    run_checked(
        {.argv = {"dd", "if=" + disk().string(), "of=" + file.string(), "bs=1M", "skip=1", "conv=sparse"}});
    fs::resize_file(file, size_);
    return file;
  }

  /// What e2fsck complains of; empty when the file system is whole.
  std::string complaints() const {
    const auto result = support::run({.argv = {"e2fsck", "-f", "-n", alone()}});
    return result.ok() ? "" : result.out + result.err;
  }

  std::string debugfs(const std::string& request) const {
    return run_checked({.argv = {"debugfs", "-R", request, alone()}});
  }

  TempDir folder_;
  std::uint64_t size_ = 0;
};

TEST_F(Ext4Test, AFreshOneIsWhole) {
  EXPECT_EQ("", complaints());
  const std::string super = run_checked({.argv = {"dumpe2fs", "-h", alone()}});
  EXPECT_TRUE(contains(super, "Filesystem volume name:   root\n"));
  EXPECT_TRUE(contains(super, std::string("Filesystem UUID:          ") + kUuid));
  EXPECT_TRUE(contains(super, "Block size:               4096\n"));
  EXPECT_TRUE(contains(super, "has_journal"));
  EXPECT_TRUE(contains(super, "Reserved block count:     0\n"));
}

TEST_F(Ext4Test, FilesAreReadBackByDebugfs) {
  std::string large(5'000'001, '\0');
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<char>(i * 7 + i / 4096);
  change([&](Ext4& root) {
    root.write_file("/etc/hello", {.mode = 04751, .uid = 70'000, .gid = 123, .mtime = kTime}, "hello\n");
    root.write_file("/large", kFile, large);
    root.write_file("/empty", kFile, "");
    root.write_file("/block", kFile, std::string(4096, 'b'));
  });
  EXPECT_EQ("", complaints());
  EXPECT_EQ("hello\n", debugfs("cat /etc/hello"));
  EXPECT_EQ(support::sha256(large), support::sha256(debugfs("cat /large")));
  EXPECT_EQ("", debugfs("cat /empty"));
  EXPECT_EQ(4096u, debugfs("cat /block").size());
  const std::string status = debugfs("stat /etc/hello");
  EXPECT_TRUE(contains(status, "Mode:  04751")) << status;
  EXPECT_TRUE(contains(status, "User: 70000   Group:   123")) << status;
  EXPECT_TRUE(contains(status, "Nov 14 ") && contains(status, " 2023")) << status;
  look([&](const Ext4& root) {
    EXPECT_EQ(large, root.read("/large"));
    EXPECT_EQ("hello\n", root.read("/etc/hello"));
    EXPECT_EQ("", root.read("/empty"));
    const auto status_of = root.status("/etc/hello");
    ASSERT_TRUE(status_of);
    EXPECT_EQ(NodeType::File, status_of->type);
    EXPECT_EQ(04751u, status_of->attributes.mode);
    EXPECT_EQ(70'000u, status_of->attributes.uid);
    EXPECT_EQ(123u, status_of->attributes.gid);
    EXPECT_EQ(kTime, status_of->attributes.mtime);
    EXPECT_EQ(6u, status_of->size);
    EXPECT_EQ(0755u, root.status("/etc")->attributes.mode) << "missing parents are made";
    EXPECT_FALSE(root.status("/absent"));
    EXPECT_FALSE(root.status("/absent/below"));
    EXPECT_EQ((std::vector<std::string>{"block", "empty", "etc", "large", "lost+found"}), root.list("/"));
  });
}

TEST_F(Ext4Test, ALargeFileIsOnePiece) {
  change([&](Ext4& root) { root.write_file("/large", kFile, std::string(8 << 20, 'x')); });
  const std::string extents = debugfs("ex /large");
  EXPECT_LE(std::count(extents.begin(), extents.end(), '\n'), 4) << extents;
}

TEST_F(Ext4Test, TimesAfter2038AndBefore1970AreKept) {
  const std::vector<std::int64_t> times{
      0, 1, -1, INT32_MAX, INT64_C(1) << 31, (INT64_C(1) << 32) + 5, INT64_C(9'000'000'000), -2'000'000'000};
  change([&](Ext4& root) {
    for (std::size_t i = 0; i < times.size(); ++i)
      root.write_file("/" + std::to_string(i), {.mode = 0644, .mtime = times[i]}, "x");
  });
  EXPECT_EQ("", complaints());
  look([&](const Ext4& root) {
    for (std::size_t i = 0; i < times.size(); ++i)
      EXPECT_EQ(times[i], root.status("/" + std::to_string(i))->attributes.mtime);
  });
  // debugfs shows "mtime: 0x<seconds>:<extra> -- <date>"; the extra bits are the epoch (ext4 disk layout,
  // "Inode Timestamps").
  EXPECT_TRUE(contains(debugfs("stat /4"), " mtime: 0x80000000:00000001")) << debugfs("stat /4");
  EXPECT_TRUE(contains(debugfs("stat /2"), " mtime: 0xffffffff:00000000")) << debugfs("stat /2");
}

TEST_F(Ext4Test, ABigFolderIsWhole) {
  change([&](Ext4& root) {
    for (int i = 0; i < 3000; ++i)
      root.write_file(fmt::format("/big/a-rather-long-name-of-a-file-{:05}", i), kFile, "");
    for (int i = 0; i < 300; ++i)
      root.make_directory(fmt::format("/folders/{}", i), kFolder);
  });
  EXPECT_EQ("", complaints());
  look([&](const Ext4& root) {
    EXPECT_EQ(3000u, root.list("/big").size());
    EXPECT_EQ("a-rather-long-name-of-a-file-02999", root.list("/big").back());
    EXPECT_EQ(300u, root.list("/folders").size());
  });
  const std::string listing = debugfs("ls -p /big");
  EXPECT_EQ(3003, std::count(listing.begin(), listing.end(), '\n')) << "with . and .., and an empty line";
}

TEST_F(Ext4Test, AFolderThatHoldsItselfIsNoEndlessOne) {
  change([](Ext4& root) { root.make_directory("/a/b", kFolder); });
  const std::string place = fmt::format("{}?offset={}", disk().string(), kOffset);
  run_checked({.argv = {"debugfs", "-w", "-R", "ln /a /a/b/again", place}});
  look([](const Ext4& root) {
    const auto error = error_of([&] { root.walk("/", [](const Entry&) {}); });
    EXPECT_TRUE(contains(error.what(), "the folder is there twice")) << error.what();
  });
  change([](Ext4& root) {
    const auto error = error_of([&] { root.remove("/a"); });
    EXPECT_TRUE(contains(error.what(), "the folder is there twice")) << error.what();
  });
}

TEST_F(Ext4Test, LinksOfAnyLength) {
  change([&](Ext4& root) {
    for (const std::size_t length : {1, 59, 60, 61, 255, 1000, 4095})
      root.make_symlink(fmt::format("/link{}", length), std::string(length, 'l'), kFile);
  });
  EXPECT_EQ("", complaints());
  look([&](const Ext4& root) {
    for (const std::size_t length : {1, 59, 60, 61, 255, 1000, 4095}) {
      const auto status = root.status(fmt::format("/link{}", length));
      ASSERT_TRUE(status);
      EXPECT_EQ(NodeType::Symlink, status->type);
      EXPECT_EQ(std::string(length, 'l'), status->target);
      EXPECT_EQ(0777u, status->attributes.mode);
      EXPECT_EQ(kTime, status->attributes.mtime);
    }
  });
  EXPECT_TRUE(contains(debugfs("stat /link59"), "Fast link dest: \"" + std::string(59, 'l') + "\""));
  EXPECT_EQ(std::string(60, 'l'), debugfs("cat /link60"));
}

TEST_F(Ext4Test, PathsGoThroughLinksOfFolders) {
  change([](Ext4& root) {
    root.make_directory("/usr/lib", kFolder);
    root.make_symlink("/lib", "usr/lib", kFile);
    root.make_symlink("/absolute", "/usr/lib", kFile);
    root.write_file("/lib/a", kFile, "a");
    root.write_file("/absolute/b", kFile, "b");
    root.write_file("/lib/deep/c", kFile, "c");
  });
  EXPECT_EQ("", complaints());
  EXPECT_EQ("abc", debugfs("cat /usr/lib/a") + debugfs("cat /usr/lib/b") + debugfs("cat /usr/lib/deep/c"));
  look([](const Ext4& root) { EXPECT_EQ(NodeType::Symlink, root.status("/lib")->type); });
}

TEST_F(Ext4Test, AReplacedLinkLeadsToItsNewFolder) {
  change([](Ext4& root) {
    root.make_directory("/one", kFolder);
    root.make_directory("/two", kFolder);
    root.make_symlink("/current", "one", kFile);
    root.write_file("/current/a", kFile, "a");
    root.make_symlink("/current", "two", kFile);
    root.write_file("/current/b", kFile, "b");
  });
  EXPECT_EQ("", complaints());
  look([](const Ext4& root) {
    EXPECT_EQ((std::vector<std::string>{"a"}), root.list("/one"));
    EXPECT_EQ((std::vector<std::string>{"b"}), root.list("/two"));
  });
}

TEST_F(Ext4Test, EachKindReplacesEachOther) {
  using Make = std::function<void(Ext4&)>;
  const std::vector<std::pair<NodeType, Make>> kinds{
      {NodeType::File, [](Ext4& root) { root.write_file("/x", kFile, std::string(10'000, 'f')); }},
      {NodeType::Symlink, [](Ext4& root) { root.make_symlink("/x", std::string(100, 't'), kFile); }},
      {NodeType::Fifo, [](Ext4& root) { root.make_node("/x", NodeType::Fifo, kFile); }},
      {NodeType::Directory, [](Ext4& root) {
         root.make_directory("/x", kFolder);
         root.write_file("/x/y/z/file", kFile, "deep");
       }}};
  for (const auto& [first_type, first] : kinds)
    for (const auto& [second_type, second] : kinds) {
      change([&, &make_first = first, &make_second = second](Ext4& root) {
        make_first(root);
        make_second(root);
      });
      look([&, type = second_type](const Ext4& root) { EXPECT_EQ(type, root.status("/x")->type); });
      ASSERT_EQ("", complaints()) << static_cast<int>(first_type) << static_cast<int>(second_type);
    }
}

TEST_F(Ext4Test, AFolderStaysAndGetsNewAttributes) {
  change([](Ext4& root) {
    root.write_file("/srv/data/file", kFile, "kept");
    root.make_directory("/srv/data", {.mode = 01770, .uid = 5, .gid = 6, .mtime = kTime});
    root.make_directory("/", {.mode = 0700, .mtime = kTime});
  });
  EXPECT_EQ("", complaints());
  look([](const Ext4& root) {
    EXPECT_EQ("kept", root.read("/srv/data/file"));
    EXPECT_EQ(01770u, root.status("/srv/data")->attributes.mode);
    EXPECT_EQ(5u, root.status("/srv/data")->attributes.uid);
    EXPECT_EQ(0700u, root.status("/")->attributes.mode);
  });
}

TEST_F(Ext4Test, RemovingGivesAllSpaceBack) {
  change([](Ext4&) {});
  const auto free_space = [&] {
    std::istringstream lines(run_checked({.argv = {"dumpe2fs", "-h", alone()}}));
    std::string kept;
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("Free "))
        kept += line + "\n";
    return kept;
  };
  const std::string before = free_space();
  change([](Ext4& root) {
    for (int i = 0; i < 20; ++i) {
      root.write_file(fmt::format("/tree/{}/file", i), kFile, std::string(50'000, 'x'));
      root.make_symlink(fmt::format("/tree/{}/link", i), std::string(200, 'x'), kFile);
      root.set_xattr(fmt::format("/tree/{}/file", i), "user.a", std::string(1000, 'v'));
    }
    root.link("/tree/1/file", "/tree/2/hard");
    root.remove("/tree");
    root.remove("/absent");
  });
  EXPECT_EQ("", complaints());
  EXPECT_EQ(before, free_space());
}

TEST_F(Ext4Test, HardLinksShareOneFile) {
  change([](Ext4& root) {
    root.write_file("/a", kFile, "first");
    root.link("/a", "/folder/b");
    root.link("/folder/b", "/c");
    root.write_file("/a", kFile, "second");  // replaces the name, not what the others have
  });
  EXPECT_EQ("", complaints());
  EXPECT_EQ("second", debugfs("cat /a"));
  EXPECT_EQ("first", debugfs("cat /c"));
  EXPECT_TRUE(contains(debugfs("stat /c"), "Links: 2"));
}

TEST_F(Ext4Test, ALinkToItselfKeepsTheFile) {
  change([](Ext4& root) {
    root.write_file("/a", kFile, "content");
    root.link("/a", "/a");
  });
  EXPECT_EQ("", complaints());
  EXPECT_EQ("content", debugfs("cat /a"));
}

TEST_F(Ext4Test, DevicesHaveTheirNumbers) {
  change([](Ext4& root) {
    root.make_node("/dev/console", NodeType::CharacterDevice, {.mode = 0600, .mtime = kTime}, 5, 1);
    root.make_node("/dev/large", NodeType::BlockDevice, {.mode = 0660, .mtime = kTime}, 259, 70'000);
    root.make_node("/dev/socket", NodeType::Socket, kFile);
  });
  EXPECT_EQ("", complaints());
  EXPECT_TRUE(contains(debugfs("stat /dev/console"), "(New-style) 05:01") ||
              contains(debugfs("stat /dev/console"), "Device major/minor number: 05:01"))
      << debugfs("stat /dev/console");
  EXPECT_TRUE(contains(debugfs("stat /dev/large"), "259:70000")) << debugfs("stat /dev/large");
  EXPECT_TRUE(contains(debugfs("stat /dev/socket"), "Type: socket"));
}

TEST_F(Ext4Test, ExtendedAttributesAreReadBackByDebugfs) {
  // The value of security.capability of ping(8): cap_net_raw=ep.
  const std::string capability("\1\0\0\2\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  change([&](Ext4& root) {
    root.write_file("/ping", kFile, "x");
    root.set_xattr("/ping", "security.capability", capability);
    root.set_xattr("/ping", "user.long", std::string(2000, 'v'));
  });
  EXPECT_EQ("", complaints());
  const std::string list = debugfs("ea_list /ping");
  EXPECT_TRUE(contains(list, "security.capability (20) = 01 00 00 02 00 20")) << list;
  EXPECT_TRUE(contains(list, "user.long (2000)")) << list;
}

TEST_F(Ext4Test, TheSameCallsGiveTheSameBytes) {
  const auto build = [&] {
    make(kSize);
    change([](Ext4& root) {
      root.make_directory("/a", kFolder);
      for (int i = 0; i < 50; ++i)
        root.write_file(fmt::format("/a/{}", i), kFile, std::string(static_cast<std::size_t>(i) * 300, 'x'));
      root.make_symlink("/a/link", std::string(80, 'l'), kFile);
      root.remove("/a/7");
      root.set_xattr("/a/8", "user.a", "b");
    });
    return support::sha256_file(disk());
  };
  const std::string first = build();
  ::sleep(1);  // a clock that got in would show
  EXPECT_EQ(first, build());
}

TEST_F(Ext4Test, AFullOneSaysSo) {
  const auto error = error_of(
      [&] { change([](Ext4& root) { root.write_file("/too/large", kFile, std::string(40 << 20, 'x')); }); });
  EXPECT_EQ(support::ErrorKind::Failure, error.kind());
  EXPECT_STREQ(
      "failed to write '/too/large' in the image: no space left in the image's root file system of 32 MiB",
      error.what());
  EXPECT_EQ("give the image a larger DISK", error.hint());
}

TEST_F(Ext4Test, ManySmallFilesFillItToo) {
  for (const bool folders : {true, false}) {
    make(16 << 20);
    const auto error = error_of([&] {
      change([&](Ext4& root) {
        for (int i = 0; i < 100'000; ++i) {
          const std::string path = fmt::format("/{}/{}", i / 500, i);
          if (folders)
            root.make_directory(path, kFolder);
          else
            root.write_file(path, kFile, "x");
        }
      });
    });
    EXPECT_TRUE(contains(error.what(), "no space left in the image's root file system of 16 MiB"))
        << error.what();
  }
}

TEST_F(Ext4Test, OddPathsAreErrorsOrFiles) {
  change([](Ext4& root) {
    root.write_file("/file", kFile, "x");
    EXPECT_TRUE(
        contains(error_of([&] { root.write_file("/file/below", kFile, "y"); }).what(), "/file/below"));
    EXPECT_TRUE(
        contains(error_of([&] { root.make_directory("/file/below", kFolder); }).what(), "/file/below"));
    EXPECT_TRUE(
        contains(error_of([&] { root.write_file("/" + std::string(256, 'n'), kFile, "y"); }).what(), "nnn"));
    EXPECT_TRUE(
        contains(error_of([&] { root.write_file("/", kFile, "y"); }).what(), "it is the root folder"));
    EXPECT_TRUE(contains(error_of([&] { root.make_symlink("/long", std::string(5000, 'l'), kFile); }).what(),
                         "/long"));
    EXPECT_TRUE(contains(error_of([&] { root.link("/absent", "/b"); }).what(), "no such file"));
    EXPECT_TRUE(
        contains(error_of([&] { root.read("/absent"); }).what(), "'/absent' in the image: no such file"));
    EXPECT_TRUE(contains(error_of([&] { root.list("/file"); }).what(), "/file"));
    root.make_symlink("/loop", "loop", kFile);
    EXPECT_TRUE(contains(error_of([&] { root.write_file("/loop/x", kFile, "y"); }).what(), "/loop"));
    root.write_file("/" + std::string(255, 'n'), kFile, "y");
    root.write_file("/a b/\xc3\xa4\n\"'", kFile, "odd");
    root.write_file("//a//../b/./c", kFile, "normal");
  });
  look([](const Ext4& root) {
    EXPECT_EQ("x", root.read("/file"));
    EXPECT_EQ("odd", root.read("/a b/\xc3\xa4\n\"'"));
    EXPECT_EQ("normal", root.read("/b/c"));
  });
  EXPECT_EQ("", complaints());
}

TEST_F(Ext4Test, ASourceThatGotShorterIsAnError) {
  change([](Ext4& root) {
    int calls = 0;
    const auto error = error_of([&] {
      root.write_file("/short", kFile, 10'000,
                      [&] { return ++calls == 1 ? std::string_view("abc") : std::string_view(); });
    });
    EXPECT_STREQ("failed to write '/short' in the image: its source got shorter meanwhile", error.what());
  });
}

TEST_F(Ext4Test, OnlyWhatHasAFileSystemIsOpened) {
  support::write_file_atomic(disk(), std::string(4 << 20, '\0'));
  EXPECT_EQ(support::ErrorKind::Failure, error_of([&] { look([](const Ext4&) {}); }).kind());
  support::write_file_atomic(disk(), "short");
  EXPECT_EQ(support::ErrorKind::Failure, error_of([&] { look([](const Ext4&) {}); }).kind());
}

// Bytes of the tables overwritten: readers get an error or some content, nothing worse.
TEST_F(Ext4Test, ADamagedOneIsAnErrorNotACrash) {
  change([](Ext4& root) {
    root.write_file("/etc/passwd", kFile, "root:x:0:0::/:/bin/sh\n");
    root.make_symlink("/link", std::string(100, 'l'), kFile);
  });
  const std::string whole = support::read_file(disk()).substr(0, kOffset + (1 << 20));
  unsigned random = 12345;
  const auto next = [&](unsigned limit) {
    random = random * 1103515245 + 12345;
    return (random >> 8) % limit;
  };
  for (int i = 0; i < 25; ++i) {
    std::string damaged = whole;
    for (int j = 0; j < 200; ++j)  // mostly superblock, group descriptors, inode table
      damaged[kOffset + next(i % 3 == 0 ? 8192 : 600'000)] = static_cast<char>(next(256));
    {
      std::fstream file(disk(), std::ios::binary | std::ios::in | std::ios::out);
      file.write(damaged.data(), static_cast<std::streamsize>(damaged.size()));
    }
    try {
      look([](const Ext4& root) {
        root.list("/");
        if (root.status("/etc/passwd"))
          root.read("/etc/passwd");
        root.status("/link");
      });
    } catch (const support::Error&) {
    }
  }
}

TEST_F(Ext4Test, AFullHostDiskIsAnErrorThatSaysSo) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{kOffset + (4 << 20), kOffset + (4 << 20)};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      change([](Ext4& root) { root.write_file("/large", kFile, std::string(20 << 20, 'x')); });
    } catch (const support::Error& error) {
      ::_exit(contains(error.what(), "is the host's disk full?") && error.exit_status() == 1 ? 1 : 2);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(1, WEXITSTATUS(status));
}

TEST(NbdImage, GivesTheSameFileSystemAsTheRawFile) {
  REQUIRE_PROGRAM("qemu-nbd");
  const TempDir folder;
  const fs::path raw = folder.path() / "raw", qcow = folder.path() / "image.qcow2",
                 back = folder.path() / "back";
  support::write_file_atomic(raw, "");
  fs::resize_file(raw, kOffset + kSize);
  format_ext4(raw, kOffset, kSize, "root", kUuid, kTime);
  run_checked({.argv = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow}});
  const auto fill = [](BlockDevice& device) {
    Ext4 root(device, kOffset, Ext4::Access::Write, kTime);
    root.write_file("/etc/a", kFile, std::string(300'000, 'a'));
    root.close();
  };
  {
    RawFile device(raw, DeviceAccess::Write);
    fill(device);
    NbdImage image(qcow, "qcow2", DeviceAccess::Write);
    EXPECT_EQ(kOffset + kSize, image.size());
    fill(image);
    image.close();
  }
  run_checked({.argv = {"qemu-img", "convert", "-f", "qcow2", "-O", "raw", qcow, back}});
  EXPECT_EQ(support::sha256_file(raw), support::sha256_file(back));
  run_checked({.argv = {"qemu-img", "check", qcow}});
}

TEST(NbdImage, ReadsNothingButDiskImages) {
  REQUIRE_PROGRAM("qemu-nbd");
  const TempDir folder;
  const auto absent = error_of([&] { NbdImage(folder.path() / "absent", "", DeviceAccess::Read); });
  EXPECT_EQ(support::ErrorKind::Usage, absent.kind());
  EXPECT_TRUE(contains(absent.what(), "no such file"));
  support::write_file_atomic(folder.path() / "text", "no image");
  const auto text = error_of([&] { NbdImage(folder.path() / "text", "qcow2", DeviceAccess::Read); });
  EXPECT_EQ(support::ErrorKind::Usage, text.kind());
  EXPECT_TRUE(contains(text.what(), (folder.path() / "text").string()));
}

}  // namespace
}  // namespace vmimage::filesystem
