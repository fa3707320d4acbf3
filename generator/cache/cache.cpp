#include "cache/cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "support/error.hpp"
#include "support/file.hpp"

namespace vmimage::cache {

namespace fs = std::filesystem;

namespace {

// Entries that are being made or removed live here, each as <kind>-<key> under the lock of that name. After a
// crash they are leftovers, which the next one to make that entry removes, or prune().
constexpr const char* kUnfinished = "tmp";
constexpr const char* kLocks = "locks";

std::uint64_t disk_usage(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code gone;  // somebody else may prune meanwhile
  for (fs::recursive_directory_iterator file(folder, gone), end; !gone && file != end; file.increment(gone)) {
    struct stat status {};
    if (::lstat(file->path().c_str(), &status) == 0)
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

/// An empty folder, removed with all it holds at the end of the scope.
class WorkFolder {
 public:
  explicit WorkFolder(fs::path path) : path_(std::move(path)) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

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
  fs::create_directories(folder.parent_path());
  const WorkFolder work(root_ / kUnfinished / (kind + "-" + key));
  const fs::path content = work.path() / "entry";
  fs::create_directory(content);
  make(content);
  std::error_code problem;
  fs::rename(content, folder, problem);
  if (problem)
    throw support::failure("failed to write '" + folder.string() + "': " + problem.message());
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

void Cache::remove_leftovers() const {
  std::error_code none;
  for (const auto& work : fs::directory_iterator(root_ / kUnfinished, none)) {
    const support::FileLock lock(root_ / kLocks / work.path().filename(), support::FileLock::Wait::No);
    if (lock.held())
      fs::remove_all(work.path());
  }
}

std::vector<Cache::Usage> Cache::prune(std::uint64_t limit) const {
  remove_leftovers();
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
    const WorkFolder grave(root_ / kUnfinished / (entry.kind + "-" + entry.key));
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
