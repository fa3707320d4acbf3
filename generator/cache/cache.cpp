#include "cache/cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "support/error.hpp"
#include "support/file.hpp"

namespace vmimage::cache {

namespace fs = std::filesystem;

namespace {

// Half-made entries live here; after a crash they are leftovers, removed by prune().
constexpr const char* kUnfinished = "tmp";
constexpr const char* kLocks = "locks";

std::uint64_t disk_usage(const fs::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    struct stat status {};
    if (::lstat(file.path().c_str(), &status) == 0)
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

void touch(const fs::path& folder) {
  ::utimensat(AT_FDCWD, folder.c_str(), nullptr, 0);
}

}  // namespace

Cache::Cache(fs::path root) : root_(root.empty() ? support::cache_folder() : std::move(root)) {}

fs::path Cache::place(const std::string& kind, const std::string& key) const {
  return root_ / kind / key;
}

bool Cache::has(const std::string& kind, const std::string& key) const {
  return fs::exists(place(kind, key));
}

fs::path Cache::entry(const std::string& kind, const std::string& key,
                      const std::function<void(const fs::path&)>& make) const {
  const fs::path folder = place(kind, key);
  if (fs::exists(folder)) {
    touch(folder);
    return folder;
  }
  const support::FileLock lock(root_ / kLocks / (kind + "-" + key));
  if (fs::exists(folder))
    return folder;  // somebody made it while we waited
  fs::create_directories(root_ / kUnfinished);
  fs::create_directories(folder.parent_path());
  {
    const support::TempDir work(root_ / kUnfinished, kind + "-");
    const fs::path content = work.path() / "entry";
    fs::create_directory(content);
    make(content);
    std::error_code problem;
    fs::rename(content, folder, problem);
    if (problem)
      throw support::failure("failed to write '" + folder.string() + "': " + problem.message());
  }
  return folder;
}

std::vector<Cache::Usage> Cache::usage() const {
  std::vector<Usage> list;
  if (!fs::exists(root_))
    return list;
  for (const auto& kind : fs::directory_iterator(root_)) {
    const std::string name = kind.path().filename();
    if (!kind.is_directory() || name == kUnfinished || name == kLocks)
      continue;
    for (const auto& entry : fs::directory_iterator(kind.path())) {
      struct stat status {};
      if (::stat(entry.path().c_str(), &status) != 0)
        continue;
      list.push_back({name, entry.path().filename(), disk_usage(entry.path()), status.st_mtime});
    }
  }
  std::sort(list.begin(), list.end(),
            [](const Usage& a, const Usage& b) { return a.last_used < b.last_used; });
  return list;
}

std::vector<Cache::Usage> Cache::prune(std::uint64_t limit) const {
  std::vector<Usage> list = usage();
  std::uint64_t total = 0;
  for (const auto& entry : list)
    total += entry.bytes;
  std::vector<Usage> removed;
  for (const auto& entry : list) {
    if (total <= limit)
      break;
    const support::FileLock lock(root_ / kLocks / (entry.kind + "-" + entry.key));
    // Renamed first, so that nobody sees half an entry; who has its files open keeps them.
    const support::TempDir grave(root_ / kUnfinished, "pruned-");
    std::error_code problem;
    fs::rename(place(entry.kind, entry.key), grave.path() / "entry", problem);
    if (problem)
      continue;
    total -= entry.bytes;
    removed.push_back(entry);
  }
  return removed;
}

}  // namespace vmimage::cache
