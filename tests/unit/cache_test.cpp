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
  const Cache cache(folder.path());
  const auto make = [](const fs::path& work) { fill(work, 100'000); };
  for (const auto& [key, time] : {std::pair("b", 2000), std::pair("a", 1000), std::pair("c", 3000)})
    used_at(cache.entry("disk", key, make), time);
  EXPECT_TRUE(cache.prune(1 << 30).empty());
  cache.entry("disk", "a", make);  // used again: now the newest
  const auto removed = cache.prune(250'000);
  ASSERT_EQ(1u, removed.size());
  EXPECT_EQ("b", removed[0].key);
  EXPECT_TRUE(cache.has("disk", "a"));
  EXPECT_TRUE(cache.has("disk", "c"));
  EXPECT_EQ(2u, cache.prune(0).size());
  EXPECT_TRUE(cache.usage().empty());
  EXPECT_TRUE(leftovers(cache).empty());
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

TEST(Cache, AFolderThatCannotBeMadeIsAnError) {
  const TempDir folder;
  write_file_atomic(folder.path() / "file", "");
  const Cache cache(folder.path() / "file");
  const auto error = error_of([&] { cache.entry("disk", "a", [](const fs::path&) {}); });
  EXPECT_TRUE(contains(error.what(), (folder.path() / "file").string())) << error.what();
}

}  // namespace
}  // namespace vmimage::cache
