// Files: whole or not at all, sparse stays sparse, one at a time.

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include "expect.hpp"
#include "support/archive.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"
#include "support/progress.hpp"

namespace vmimage::support {
namespace {

mode_t mode_of(const fs::path& file) {
  struct stat status {};
  EXPECT_EQ(0, ::lstat(file.c_str(), &status));
  return status.st_mode & 07777;
}

std::uint64_t bytes_on_disk(const fs::path& file) {
  struct stat status {};
  EXPECT_EQ(0, ::stat(file.c_str(), &status));
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

TEST(ReadFile, GivesAllBytes) {
  const TempDir folder;
  const std::string bytes("a\0b\r\n\xff", 6);
  write_file_atomic(folder.path() / "file", bytes);
  EXPECT_EQ(bytes, read_file(folder.path() / "file"));
  write_file_atomic(folder.path() / "empty", "");
  EXPECT_EQ("", read_file(folder.path() / "empty"));
}

TEST(ReadFile, SaysWhyItCannot) {
  const TempDir folder;
  const std::string absent = (folder.path() / "absent").string();
  EXPECT_EQ("failed to open '" + absent + "': No such file or directory",
            std::string(error_of([&] { read_file(absent); }).what()));
  EXPECT_EQ("failed to open '" + folder.path().string() + "': Is a directory",
            std::string(error_of([&] { read_file(folder.path()); }).what()));
}

TEST(WriteFileAtomic, ReplacesAndLeavesNothingBeside) {
  const TempDir folder;
  const fs::path file = folder.path() / "file";
  write_file_atomic(file, std::string(100'000, 'x'), 0600);
  write_file_atomic(file, "short", 0755);
  EXPECT_EQ("short", read_file(file));
  EXPECT_EQ(0755u, mode_of(file));
  EXPECT_EQ(1, entries_in(folder.path()));
}

TEST(WriteFileAtomic, ReadersSeeTheOldOrTheNew) {
  const TempDir folder;
  const fs::path file = folder.path() / "file";
  const std::string old_text(200'000, 'o'), new_text(300'000, 'n');
  write_file_atomic(file, old_text);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 20; ++i)
      write_file_atomic(file, i % 2 ? old_text : new_text);
    done = true;
  });
  int torn = 0;
  while (!done) {
    const std::string seen = read_file(file);
    torn += seen != old_text && seen != new_text;
  }
  writer.join();
  EXPECT_EQ(0, torn);
}

TEST(WriteFileAtomic, AFullDiskLeavesTheOldFile) {
  const TempDir folder;
  const fs::path file = folder.path() / "file";
  write_file_atomic(file, "old");
  const int status = [&] {
    const pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGXFSZ, SIG_IGN);  // as install_interrupt_handler() does
      const rlimit limit{4096, 4096};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      try {
        write_file_atomic(file, std::string(100'000, 'x'));
      } catch (const Error& error) {
        ::_exit(contains(error.what(), "failed to write '" + file.string() + "': File too large") ? 1 : 2);
      }
      ::_exit(0);
    }
    int result = 0;
    ::waitpid(child, &result, 0);
    return WEXITSTATUS(result);
  }();
  EXPECT_EQ(1, status);
  EXPECT_EQ("old", read_file(file));
  EXPECT_EQ(1, entries_in(folder.path())) << "a temporary file is left";
}

TEST(WriteFileAtomic, NamesTheFolderThatIsNotThere) {
  const auto error = error_of([] { write_file_atomic("/nonexistent/folder/file", "x"); });
  EXPECT_EQ(ErrorKind::Failure, error.kind());
  EXPECT_TRUE(contains(error.what(), "'/nonexistent/folder'")) << error.what();
}

TEST(PendingFile, GoesWithoutCommit) {
  const TempDir folder;
  const fs::path file = folder.path() / "image.qcow2";
  write_file_atomic(file, "old");
  {
    PendingFile pending(file);
    EXPECT_EQ(folder.path(), pending.path().parent_path());
    EXPECT_TRUE(pending.path().filename().string().starts_with(".image.qcow2."));
    write_file_atomic(pending.path(), "half");
  }
  EXPECT_EQ("old", read_file(file));
  EXPECT_EQ(1, entries_in(folder.path()));
}

TEST(PendingFile, AppearsWithCommitUnderTheUmask) {
  const TempDir folder;
  const fs::path file = folder.path() / "image";
  const mode_t before = ::umask(027);
  PendingFile pending(file);
  ::umask(before);
  EXPECT_FALSE(fs::exists(file));
  pending.commit();
  EXPECT_TRUE(fs::exists(file));
  EXPECT_EQ(0640u, mode_of(file));
  EXPECT_EQ(1, entries_in(folder.path()));
}

TEST(PendingFile, TakesANameInTheWorkingFolder) {
  const TempDir folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  PendingFile("plain").commit();
  fs::current_path(before);
  EXPECT_TRUE(fs::exists(folder.path() / "plain"));
}

TEST(TempDir, GoesWithAllItHolds) {
  fs::path path;
  {
    const TempDir folder;
    path = folder.path();
    EXPECT_EQ(0700u, mode_of(path));
    fs::create_directories(path / "a/b");
    fs::create_symlink("/", path / "a/link");
    write_file_atomic(path / "a/b/file", "x", 0400);
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::exists("/"));
}

/// Some data at the start, a hole of 64 MiB, data in its middle, a hole to the end.
void make_sparse(const fs::path& file) {
  write_file_atomic(file, std::string(5000, 'a'));
  fs::resize_file(file, 96 << 20);
  const int fd = ::open(file.c_str(), O_WRONLY);
  ASSERT_EQ(7, ::pwrite(fd, "content", 7, 64 << 20));
  ::close(fd);
}

TEST(CopySparse, KeepsBytesAndHoles) {
  const TempDir folder;
  make_sparse(folder.path() / "from");
  write_file_atomic(folder.path() / "to", std::string(1 << 20, 'z'));  // is replaced, not written over
  copy_sparse(folder.path() / "from", folder.path() / "to");
  EXPECT_EQ(fs::file_size(folder.path() / "from"), fs::file_size(folder.path() / "to"));
  EXPECT_EQ(sha256_file(folder.path() / "from"), sha256_file(folder.path() / "to"));
  EXPECT_LE(bytes_on_disk(folder.path() / "to"), 1u << 20);
}

TEST(CopySparse, CopiesBetweenFileSystems) {
  const TempDir folder;
  if (!fs::is_directory("/dev/shm") || ::access("/dev/shm", W_OK) != 0)
    GTEST_SKIP() << "no second file system at /dev/shm";
  const TempDir other("/dev/shm");
  make_sparse(folder.path() / "from");
  copy_sparse(folder.path() / "from", other.path() / "to");
  EXPECT_EQ(sha256_file(folder.path() / "from"), sha256_file(other.path() / "to"));
  EXPECT_LE(bytes_on_disk(other.path() / "to"), 1u << 20);
}

TEST(CopySparse, CopiesWhatHasNoDataAtAll) {
  const TempDir folder;
  write_file_atomic(folder.path() / "empty", "");
  copy_sparse(folder.path() / "empty", folder.path() / "empty2");
  EXPECT_EQ(0u, fs::file_size(folder.path() / "empty2"));
  write_file_atomic(folder.path() / "hole", "");
  fs::resize_file(folder.path() / "hole", 1 << 20);
  copy_sparse(folder.path() / "hole", folder.path() / "hole2");
  EXPECT_EQ(1u << 20, fs::file_size(folder.path() / "hole2"));
}

TEST(CopySparse, NamesWhatIsMissing) {
  const TempDir folder;
  EXPECT_TRUE(contains(error_of([&] { copy_sparse(folder.path() / "absent", folder.path() / "to"); }).what(),
                       "failed to open '" + (folder.path() / "absent").string() + "'"));
}

TEST(FileLock, LetsOneInAtATime) {
  const TempDir folder;
  const fs::path counter = folder.path() / "counter";
  write_file_atomic(counter, "0");
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int j = 0; j < 25; ++j) {
        const FileLock lock(folder.path() / "locks/one");
        const int seen = std::stoi(read_file(counter));
        ::usleep(200);
        write_file_atomic(counter, std::to_string(seen + 1));
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children)
    ::waitpid(child, nullptr, 0);
  EXPECT_EQ("100", read_file(counter));
}

TEST(FileLock, HoldsBetweenThreadsToo) {
  const TempDir folder;
  std::atomic<int> inside{0}, together{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 25; ++j) {
        const FileLock lock(folder.path() / "lock");
        together += ++inside > 1;
        std::this_thread::yield();
        --inside;
      }
    });
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(0, together);
}

TEST(Folders, FollowTheXdgVariables) {
  ::unsetenv("VMIMAGE_CACHE");
  ::setenv("HOME", "/home/me", 1);
  for (const char* variable : {"XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"})
    ::unsetenv(variable);
  EXPECT_EQ("/home/me/.cache/vmimage", cache_folder());
  EXPECT_EQ("/home/me/.local/state/vmfleet", state_folder("vmfleet"));
  EXPECT_EQ("/tmp/vmfleet-" + std::to_string(::getuid()), runtime_folder("vmfleet"));
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ("/home/me/.cache/vmimage", cache_folder()) << "the specification says to ignore a relative path";
  ::setenv("XDG_CACHE_HOME", "/c", 1);
  ::setenv("XDG_STATE_HOME", "/s", 1);
  ::setenv("XDG_RUNTIME_DIR", "/r", 1);
  EXPECT_EQ("/c/vmimage", cache_folder());
  EXPECT_EQ("/s/vmfleet", state_folder("vmfleet"));
  EXPECT_EQ("/r/vmfleet", runtime_folder("vmfleet"));
  ::setenv("VMIMAGE_CACHE", "/v", 1);
  EXPECT_EQ("/v", cache_folder());
  ::unsetenv("VMIMAGE_CACHE");
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("HOME");
  EXPECT_TRUE(contains(error_of([] { cache_folder(); }).what(), "HOME is not set"));
}

TEST(Digest, GivesTheKnownAnswers) {
  // FIPS 180-4 examples.
  EXPECT_EQ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", sha256(""));
  EXPECT_EQ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", sha256("abc"));
  EXPECT_EQ("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
            sha256(std::string(1'000'000, 'a')));
}

TEST(Digest, OfAFileIsThatOfItsBytes) {
  const TempDir folder;
  const std::string bytes(1'000'000, 'a');
  write_file_atomic(folder.path() / "file", bytes);
  EXPECT_EQ(sha256(bytes), sha256_file(folder.path() / "file"));
  EXPECT_EQ(sha256_file(folder.path() / "file"),
            run_checked({.argv = {"sha256sum", folder.path() / "file"}}).substr(0, 64));
  EXPECT_TRUE(
      contains(error_of([] { sha256_file("/nonexistent"); }).what(), "failed to open '/nonexistent'"));
  EXPECT_TRUE(contains(error_of([&] { sha256_file(folder.path()); }).what(), "Is a directory"));
}

TEST(Digest, KeepsFieldsApart) {
  EXPECT_NE(Digest().add("ab").add("c").hex(), Digest().add("a").add("bc").hex());
  EXPECT_NE(Digest().add("ab").hex(), Digest().add("ab").add("").hex());
  EXPECT_NE(Digest().add("1:a").hex(), Digest().add("a").hex());
  EXPECT_EQ(Digest().add("ab").add("c").hex(), Digest().add("ab").add("c").hex());
  EXPECT_EQ(sha256("2:ab"), Digest().add("ab").hex());
}

TEST(Cpio, IsReadBackByTheKernelsLayout) {
  const std::string bytes =
      write_cpio({{.path = "dev", .mode = 040755, .content = {}},
                  {.path = "dev/console", .mode = 020600, .content = {}, .major = 5, .minor = 1},
                  {.path = "init", .mode = 0100755, .content = "#!/bin/sh\n"},
                  {.path = "sh", .mode = 0120777, .content = "busybox"}});
  // driver-api/early-userspace/buffer-format: 110 characters of header, name and content padded to 4 bytes.
  std::vector<std::string> seen;
  std::size_t at = 0;
  const auto field = [&](int index) {
    return std::stoul(bytes.substr(at + 6 + 8 * static_cast<std::size_t>(index), 8), nullptr, 16);
  };
  while (true) {
    ASSERT_LE(at + 110, bytes.size());
    ASSERT_EQ("070701", bytes.substr(at, 6));
    const std::string name = bytes.substr(at + 110, field(11) - 1);
    if (name == "TRAILER!!!")
      break;
    EXPECT_EQ(0u, field(2)) << "owned by root";
    EXPECT_EQ(0u, field(3));
    EXPECT_EQ(0u, field(5)) << "no time of the build";
    const std::size_t content = (at + 110 + field(11) + 3) / 4 * 4;
    seen.push_back(fmt::format("{} {:o} {}:{} {}", name, field(1), field(9), field(10),
                               bytes.substr(content, field(6))));
    at = (content + field(6) + 3) / 4 * 4;
  }
  EXPECT_EQ((std::vector<std::string>{"dev 40755 0:0 ", "dev/console 20600 5:1 ",
                                      "init 100755 0:0 #!/bin/sh\n", "sh 120777 0:0 busybox"}),
            seen);
}

TEST(Cpio, SameMembersGiveSameBytes) {
  const std::vector<Member> members{{.path = "a", .content = std::string(5000, 'x')},
                                    {.path = "b", .content = "y"}};
  EXPECT_EQ(sha256(write_cpio(members)), sha256(write_cpio(members)));
}

TEST(ReadTar, GivesWhatTarWrote) {
  const TempDir folder;
  const fs::path tree = folder.path() / "tree";
  fs::create_directories(tree / "usr/bin");
  write_file_atomic(tree / "usr/bin/tool", std::string(300'000, 't'), 04755);
  fs::create_symlink("tool", tree / "usr/bin/link");
  fs::create_hard_link(tree / "usr/bin/tool", tree / "usr/bin/same");
  for (const char* compression : {"--no-auto-compress", "--gzip", "--zstd"}) {
    const fs::path tar = folder.path() / "tree.tar";
    run_checked({.argv = {"tar", compression, "--sort=name", "--mtime=@12345", "--owner=0", "--group=0", "-C",
                          tree, "-cf", tar, "."}});
    std::vector<std::string> seen;
    read_tar(tar, [&](ArchiveEntry& entry) {
      const bool file = (entry.mode() & 0170000) == 0100000 && entry.hardlink().empty();
      EXPECT_EQ(12345, entry.mtime());
      seen.push_back(fmt::format("{} {:o} {}{} {}", entry.path(), entry.mode() & 07777, entry.symlink(),
                                 entry.hardlink(), file ? entry.content().size() : 0));
    });
    ASSERT_EQ(6u, seen.size()) << compression;
    EXPECT_TRUE(seen[0].starts_with("/ 7"));
    EXPECT_EQ("/usr/bin/link 777 tool 0", seen[3]);
    EXPECT_EQ("/usr/bin/same 4755  300000", seen[4]);
    EXPECT_TRUE(seen[5].ends_with(" /usr/bin/same 0")) << seen[5];
  }
}

TEST(ReadTar, RefusesACutOne) {
  const TempDir folder;
  const fs::path tar = folder.path() / "cut.tar.gz";
  write_file_atomic(folder.path() / "data", run_checked({.argv = {"head", "-c", "300000", "/dev/urandom"}}));
  run_checked({.argv = {"tar", "-C", folder.path(), "-czf", tar, "data"}});
  fs::resize_file(tar, fs::file_size(tar) / 2);
  EXPECT_EQ(ErrorKind::Failure,
            error_of([&] { read_tar(tar, [](ArchiveEntry& entry) { entry.content(); }); }).kind());
  write_file_atomic(tar, "this is no archive at all");
  EXPECT_TRUE(contains(error_of([&] { read_tar(tar, [](ArchiveEntry&) {}); }).what(), tar.string()));
  EXPECT_TRUE(contains(error_of([&] { read_tar("/nonexistent.tar", [](ArchiveEntry&) {}); }).what(),
                       "/nonexistent.tar"));
}

std::string printed(Progress::Mode mode) {
  testing::internal::CaptureStderr();
  {
    Progress progress(mode);
    progress.step("one");
    progress.step(std::string(500, 'x'));
  }
  return testing::internal::GetCapturedStderr();
}

TEST(Progress, IsLinesInALogAndOneLineOnATerminal) {
  EXPECT_EQ("", printed(Progress::Mode::Quiet));
  const std::string name = program_invocation_short_name;
  EXPECT_EQ(name + ": one\n" + name + ": " + std::string(500, 'x') + "\n", printed(Progress::Mode::Plain));
  const std::string terminal = printed(Progress::Mode::Terminal);
  EXPECT_EQ(std::string::npos, terminal.find('\n'));
  EXPECT_TRUE(contains(terminal, " s  one\r\033[K"));
  EXPECT_TRUE(terminal.ends_with("\r\033[K")) << "the line is cleared at the end";
  EXPECT_LT(terminal.size(), 200u) << "no longer than the terminal is wide";
}

TEST(Progress, ADumbTerminalGetsPlainLines) {
  ::setenv("TERM", "dumb", 1);
  EXPECT_EQ(Progress::Mode::Plain, Progress::detect());
}

}  // namespace
}  // namespace vmimage::support
