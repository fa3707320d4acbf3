// The cache: an entry is there whole or not at all, is made once, and old ones go first.

#include "cache/cache.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "expect.hpp"
#include "support/file.hpp"

namespace vmimage::cache {
namespace {

namespace fs = std::filesystem;
using support::read_file;
using support::TempDir;
using support::write_file_atomic;

void fill(const fs::path& folder, std::size_t bytes = 10) {
  write_file_atomic(folder / "content", std::string(bytes, 'x'));
}

void used_at(const fs::path& folder, time_t seconds) {
  const timespec times[2]{{seconds, 0}, {seconds, 0}};
  ASSERT_EQ(0, ::utimensat(AT_FDCWD, folder.c_str(), times, 0));
}

/// Everything under the root that is neither an entry nor a lock.
std::vector<fs::path> leftovers(const Cache& cache) {
  std::vector<fs::path> files;
  if (fs::exists(cache.root() / "tmp"))
    for (const auto& file : fs::directory_iterator(cache.root() / "tmp"))
      files.push_back(file.path());
  return files;
}

TEST(Cache, MakesAnEntryOnce) {
  const TempDir folder;
  const Cache cache(folder.path() / "cache");
  int made = 0;
  const auto make = [&](const fs::path& work) {
    ++made;
    EXPECT_TRUE(fs::is_empty(work));
    EXPECT_FALSE(cache.has("disk", "abc")) << "seen before it is whole";
    fill(work);
  };
  EXPECT_FALSE(cache.has("disk", "abc"));
  const fs::path entry = cache.entry("disk", "abc", make);
  EXPECT_EQ(folder.path() / "cache/disk/abc", entry);
  EXPECT_EQ("xxxxxxxxxx", read_file(entry / "content"));
  EXPECT_EQ(entry, cache.entry("disk", "abc", make));
  EXPECT_EQ(1, made);
  EXPECT_TRUE(cache.has("disk", "abc"));
  EXPECT_FALSE(cache.has("disk", "abd"));
  EXPECT_TRUE(leftovers(cache).empty());
}

TEST(Cache, KindsAreApart) {
  const TempDir folder;
  const Cache cache(folder.path());
  cache.entry("disk", "abc", [](const fs::path& work) { write_file_atomic(work / "a", "disk"); });
  cache.entry("kit", "abc", [](const fs::path& work) { write_file_atomic(work / "a", "kit"); });
  EXPECT_EQ("disk", read_file(folder.path() / "disk/abc/a"));
  EXPECT_EQ("kit", read_file(folder.path() / "kit/abc/a"));
}

TEST(Cache, OneEntryMayNeedAnother) {
  const TempDir folder;
  const Cache cache(folder.path());
  cache.entry("disk", "1", [&](const fs::path& work) {
    fs::copy(cache.entry("kit", "1", [](const fs::path& inner) { fill(inner); }), work);
  });
  EXPECT_TRUE(fs::exists(folder.path() / "disk/1/content"));
}

TEST(Cache, AFailureLeavesNothingAndIsPassedOn) {
  const TempDir folder;
  const Cache cache(folder.path());
  const auto error = error_of([&] {
    cache.entry("disk", "abc", [](const fs::path& work) {
      fill(work);
      throw support::failure("the mirror is away");
    });
  });
  EXPECT_STREQ("the mirror is away", error.what());
  EXPECT_FALSE(cache.has("disk", "abc"));
  EXPECT_TRUE(leftovers(cache).empty());
  EXPECT_TRUE(cache.usage().empty());
  cache.entry("disk", "abc", [](const fs::path& work) { fill(work); });
  EXPECT_TRUE(cache.has("disk", "abc"));
}

TEST(Cache, ThreadsWaitForTheOneThatMakes) {
  const TempDir folder;
  const Cache cache(folder.path());
  std::atomic<int> made{0}, whole{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      const fs::path entry = cache.entry("disk", "abc", [&](const fs::path& work) {
        ++made;
        ::usleep(50'000);
        fill(work);
      });
      whole += read_file(entry / "content").size() == 10;
    });
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(1, made);
  EXPECT_EQ(8, whole);
}

TEST(Cache, ProcessesWaitForTheOneThatMakes) {
  const TempDir folder;
  const fs::path log = folder.path() / "log";
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      const Cache cache(folder.path() / "cache");
      const fs::path entry = cache.entry("disk", "abc", [&](const fs::path& work) {
        std::ofstream(log, std::ios::app) << "made\n";
        ::usleep(50'000);
        fill(work);
      });
      ::_exit(read_file(entry / "content").size() == 10 ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(0, status);
  }
  EXPECT_EQ("made\n", read_file(log));
}

/// A process that is killed in the middle of making an entry.
void die_while_making(const fs::path& root) {
  const pid_t child = ::fork();
  if (child == 0) {
    Cache(root).entry("disk", "abc", [](const fs::path& work) {
      fill(work, 100'000);
      ::kill(::getpid(), SIGKILL);
    });
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
}

TEST(Cache, AKilledMakerLeavesNoEntry) {
  const TempDir folder;
  die_while_making(folder.path());
  const Cache cache(folder.path());
  EXPECT_FALSE(cache.has("disk", "abc"));
  EXPECT_TRUE(cache.usage().empty());
  cache.entry("disk", "abc", [](const fs::path& work) {
    EXPECT_TRUE(fs::is_empty(work));
    fill(work);
  });
  EXPECT_EQ(10u, fs::file_size(folder.path() / "disk/abc/content"));
}

TEST(Cache, PruningRemovesWhatAKilledMakerLeft) {
  const TempDir folder;
  die_while_making(folder.path());
  const Cache cache(folder.path());
  ASSERT_EQ(1u, leftovers(cache).size());
  cache.prune(1 << 30);
  EXPECT_TRUE(leftovers(cache).empty());
}

TEST(Cache, PruningLeavesWhatIsBeingMade) {
  const TempDir folder;
  const Cache cache(folder.path());
  cache.entry("disk", "abc", [&](const fs::path& work) {
    fill(work);
    std::thread([&] { Cache(folder.path()).prune(0); }).join();
    EXPECT_TRUE(fs::exists(work / "content"));
  });
  EXPECT_TRUE(cache.has("disk", "abc"));
}

TEST(Cache, TellsWhatItHolds) {
  const TempDir folder;
  const Cache cache(folder.path());
  used_at(cache.entry("disk", "new", [](const fs::path& work) { fill(work, 100'000); }), 2000);
  used_at(cache.entry("kit", "old", [](const fs::path& work) { fill(work); }), 1000);
  const auto usage = cache.usage();
  ASSERT_EQ(2u, usage.size());
  EXPECT_EQ("old", usage[0].key);
  EXPECT_EQ("kit", usage[0].kind);
  EXPECT_EQ(1000, usage[0].last_used);
  EXPECT_EQ("new", usage[1].key);
  EXPECT_GE(usage[1].bytes, 100'000u);
  EXPECT_TRUE(Cache(folder.path() / "absent").usage().empty());
}

TEST(Cache, PrunesLeastRecentlyUsedFirst) {
  const TempDir folder;
  const auto make = [](const fs::path& work) { fill(work, 100'000); };
  for (const auto& [key, time] : {std::pair("b", 2000), std::pair("a", 1000), std::pair("c", 3000)})
    used_at(Cache(folder.path()).entry("disk", key, make), time);
  const Cache cache(folder.path());
  EXPECT_TRUE(cache.prune(1 << 30).empty());
  Cache(folder.path()).entry("disk", "a", make);  // used again: now the newest
  const auto removed = cache.prune(250'000);
  ASSERT_EQ(1u, removed.size());
  EXPECT_EQ("b", removed[0].key);
  EXPECT_TRUE(cache.has("disk", "a"));
  EXPECT_TRUE(cache.has("disk", "c"));
  EXPECT_EQ(2u, cache.prune(0).size());
  EXPECT_TRUE(cache.usage().empty());
  EXPECT_TRUE(leftovers(cache).empty());
  EXPECT_EQ(0, entries_in(folder.path() / "locks")) << "they would add up";
}

TEST(Cache, PruningLeavesWhatIsInUse) {
  const TempDir folder;
  const Cache pruner(folder.path());
  {
    const Cache user(folder.path());
    const Cache copy = user.thorough();
    user.entry("disk", "used", [](const fs::path& work) { fill(work); });
    Cache(folder.path()).entry("disk", "idle", [](const fs::path& work) { fill(work); });
    EXPECT_EQ(1u, pruner.prune(0).size());
    EXPECT_TRUE(user.has("disk", "used"));
    EXPECT_FALSE(user.has("disk", "idle"));
  }
  EXPECT_EQ(1u, pruner.prune(0).size());
}

TEST(Cache, PrunesBesideThoseWhoUseIt) {
  const TempDir folder;
  const Cache cache(folder.path());
  std::atomic<bool> done{false};
  std::atomic<int> problems{0};
  std::thread pruner([&] {
    try {
      while (!done)
        cache.prune(0);
    } catch (const std::exception& error) {
      ++problems;
      ADD_FAILURE() << error.what();
    }
  });
  for (int i = 0; i < 50; ++i)
    cache.entry("disk", std::to_string(i % 5), [](const fs::path& work) { fill(work); });
  done = true;
  pruner.join();
  EXPECT_EQ(0, problems);
}

/// An entry of two files and a link, made once more through `cache` for every time that it is found damaged.
class DamagedEntry : public testing::Test {
 protected:
  void make(const fs::path& work) {
    ++made_;
    write_file_atomic(work / "small", "small");
    fs::create_directory(work / "below");
    write_file_atomic(work / "below/large", std::string(200'000, 'x'));
    fs::create_symlink("below/large", work / "link");
  }
  fs::path entry(const Cache& cache) {
    return cache.entry("disk", "abc", [&](const fs::path& work) { make(work); });
  }
  fs::path entry(const Cache& cache, const std::vector<std::string>& used) {
    return cache.entry(
        "disk", "abc", [&](const fs::path& work) { make(work); }, used);
  }
  Cache open() {
    return Cache(folder_.path(), [&](const std::string& line) { reports_.push_back(line); });
  }
  void expect_as_made() {
    EXPECT_EQ("small", read_file(path_ / "small"));
    EXPECT_EQ(std::string(200'000, 'x'), read_file(path_ / "below/large"));
    EXPECT_EQ("below/large", fs::read_symlink(path_ / "link").string());
    EXPECT_TRUE(leftovers(open()).empty());
  }
  static void flip(const fs::path& file, std::size_t at) {
    std::string bytes = read_file(file);
    bytes.at(at) ^= 0x10;
    std::ofstream(file, std::ios::binary) << bytes;
  }

  TempDir folder_;
  fs::path path_ = folder_.path() / "disk/abc";
  int made_ = 0;
  std::vector<std::string> reports_;
};

TEST_F(DamagedEntry, IsMadeAgainAndReported) {
  entry(open());
  const auto expect_mended = [&](const std::string& what) {
    made_ = 0;
    reports_.clear();
    entry(open());
    EXPECT_EQ(1, made_) << what;
    ASSERT_EQ(1u, reports_.size()) << what;
    EXPECT_TRUE(contains(reports_[0], "disk abc: ")) << reports_[0];
    expect_as_made();
  };
  flip(path_ / "small", 0);
  expect_mended("a flipped bit");
  EXPECT_TRUE(contains(reports_[0], "'small' has changed")) << reports_[0];
  flip(path_ / "below/large", 199'999);
  expect_mended("a flipped bit at the end of a large file");
  fs::resize_file(path_ / "below/large", 199'999);
  expect_mended("a file that is cut off");
  fs::remove(path_ / "below/large");
  expect_mended("a file that is missing");
  EXPECT_TRUE(contains(reports_[0], "'below/large' is missing")) << reports_[0];
  fs::remove(path_ / "link");
  fs::create_symlink("elsewhere", path_ / "link");
  expect_mended("a link that leads elsewhere");
  write_file_atomic(path_ / "more", "");
  expect_mended("a file that does not belong there");
  fs::remove(path_ / ".checksums");
  expect_mended("no list");
  const auto size = fs::file_size(path_ / ".checksums");
  for (std::size_t at = 0; at < size; at += 7) {
    flip(path_ / ".checksums", at);
    expect_mended("a flipped bit in the list");
  }
  for (std::size_t cut = 1; cut < size; cut += 13) {
    fs::resize_file(path_ / ".checksums", size - 1 - cut);
    expect_mended("a list that is cut off");
  }
  fs::remove_all(path_);
  fs::create_directory(path_);
  expect_mended("an empty folder");
}

TEST_F(DamagedEntry, IsCheckedAsFarAsItIsUsed) {
  entry(open());
  flip(path_ / "below/large", 5);
  entry(open(), {"small"});
  EXPECT_EQ(1, made_);
  entry(open(), {});
  EXPECT_EQ(1, made_);
  entry(open(), {"small", "below/large"});
  EXPECT_EQ(2, made_);
  flip(path_ / "below/large", 5);
  entry(open().thorough(), {"small"});
  EXPECT_EQ(3, made_);
  expect_as_made();
  EXPECT_EQ(2u, reports_.size());
}

TEST_F(DamagedEntry, NothingIsMadeOfIt) {
  entry(open());
  flip(path_ / "below/large", 5);
  const auto derive = [&](const Cache& cache) {
    const fs::path from = entry(cache, {"small"});
    return cache.entry("image", "1", [&](const fs::path& work) { fs::copy(from / "below/large", work); });
  };
  EXPECT_THROW(derive(open()), Damaged);
  EXPECT_FALSE(open().has("image", "1"));
  open().mending(derive);
  EXPECT_EQ(std::string(200'000, 'x'), read_file(folder_.path() / "image/1/large"));
  EXPECT_EQ(2, made_);
  expect_as_made();
}

TEST_F(DamagedEntry, IsNotCopiedOut) {
  const fs::path target = folder_.path() / "target";
  const auto copy = [&] { return open().copy_out("disk", "abc", "below/large", target); };
  EXPECT_FALSE(copy()) << "there is none";
  entry(open());
  EXPECT_TRUE(copy());
  EXPECT_EQ(std::string(200'000, 'x'), read_file(target));
  flip(path_ / "small", 0);
  EXPECT_TRUE(copy()) << "the file is whole";
  flip(path_ / "below/large", 100'000);
  EXPECT_FALSE(copy());
  fs::remove(path_ / "below/large");
  EXPECT_FALSE(copy());
  const Cache cache = open();
  EXPECT_FALSE(cache.copy_out("disk", "abc", "below/large", target));
  entry(cache);
  EXPECT_TRUE(cache.copy_out("disk", "abc", "below/large", target));
  fs::remove(path_ / ".checksums");
  EXPECT_FALSE(copy());
}

TEST_F(DamagedEntry, StaysDamagedWhenItsMenderIsKilled) {
  entry(open());
  flip(path_ / "small", 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Cache(folder_.path()).entry("disk", "abc", [](const fs::path&) { ::kill(::getpid(), SIGKILL); });
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  entry(open());
  EXPECT_EQ(2, made_);
  expect_as_made();
}

TEST_F(DamagedEntry, IsMadeAgainOnceByMany) {
  entry(open());
  flip(path_ / "small", 0);
  std::atomic<int> made{0}, right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      const Cache cache(folder_.path());
      const fs::path path = cache.entry("disk", "abc", [&](const fs::path& work) {
        ++made;
        make(work);
      });
      right += read_file(path / "small") == "small";
    });
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(1, made);
  EXPECT_EQ(8, right);
}

TEST(Cache, AFolderThatCannotBeMadeIsAnError) {
  const TempDir folder;
  write_file_atomic(folder.path() / "file", "");
  const Cache cache(folder.path() / "file");
  const auto error = error_of([&] { cache.entry("disk", "a", [](const fs::path&) {}); });
  EXPECT_TRUE(contains(error.what(), (folder.path() / "file").string())) << error.what();
}

}  // namespace
}  // namespace vmimage::cache
