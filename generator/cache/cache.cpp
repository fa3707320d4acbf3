#include "cache/cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "cache/entry.hpp"
#include "support/checksum.hpp"
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

/// What the copies of a cache have in common: which entries they gave out, and which of those were checked
/// whole.
struct Cache::Shared {
  Report report;
  std::mutex mutex;
  std::map<fs::path, support::Descriptor> held;
  std::set<fs::path> whole;
  bool grew = false;

  void drop(const fs::path& folder) {
    const std::lock_guard guard(mutex);
    whole.erase(folder);
    held.erase(folder);
  }

  /// Holds the entry that is there now; false when there is none.
  bool take(const fs::path& folder) {
    const std::lock_guard guard(mutex);
    const auto known = held.find(folder);
    if (known != held.end() && is_still(known->second, folder))
      return true;
    whole.erase(folder);
    held.erase(folder);
    auto now = hold(folder);
    if (now)
      held.emplace(folder, std::move(*now));
    return now.has_value();
  }
};

Cache::Cache(fs::path root, Report report)
    : root_(root.empty() ? support::cache_folder() : std::move(root)), shared_(std::make_shared<Shared>()) {
  shared_->report = std::move(report);
}

Cache Cache::thorough() const {
  Cache same = *this;
  same.thorough_ = true;
  return same;
}

fs::path Cache::place(const std::string& kind, const std::string& key) const {
  return root_ / kind / key;
}

bool Cache::has(const std::string& kind, const std::string& key) const {
  return fs::exists(place(kind, key));
}

bool Cache::grew() const {
  const std::lock_guard guard(shared_->mutex);
  return shared_->grew;
}

/// `damaged`: why the entry that is there cannot be used.
bool Cache::usable(const fs::path& folder, const std::vector<std::string>* used, std::string& damaged) const {
  if (!shared_->take(folder))
    return false;
  const auto* files = thorough_ ? nullptr : used;
  {
    const std::lock_guard guard(shared_->mutex);
    if (shared_->whole.contains(folder))
      return true;
  }
  damaged = damage(folder, files);
  if (!damaged.empty())
    return false;
  if (!files) {
    const std::lock_guard guard(shared_->mutex);
    shared_->whole.insert(folder);
  }
  return true;
}

void Cache::check_all_in_use() const {
  std::vector<fs::path> partly;
  {
    const std::lock_guard guard(shared_->mutex);
    for (const auto& entry : shared_->held)
      if (!shared_->whole.contains(entry.first))
        partly.push_back(entry.first);
  }
  for (const auto& folder : partly) {
    if (const std::string problem = damage(folder, nullptr); !problem.empty())
      throw Damaged(support::ErrorKind::Failure,
                    fmt::format("failed to use '{}' of the cache: {}", folder.string(), problem),
                    "try again");
    const std::lock_guard guard(shared_->mutex);
    shared_->whole.insert(folder);
  }
}

void Cache::make_entry(const fs::path& folder, const fs::path& work, const Make& make) const {
  const WorkFolder scope(work);
  const fs::path content = work / "entry";
  fs::create_directory(content);
  make(content);
  seal(content);
  auto held = hold(content);  // so that nobody prunes it before we use it
  put_in_place(content, folder);
  const std::lock_guard guard(shared_->mutex);
  shared_->held.erase(folder);
  if (held)
    shared_->held.emplace(folder, std::move(*held));
  shared_->whole.insert(folder);
  shared_->grew = true;
}

fs::path Cache::checked_entry(const std::string& kind, const std::string& key, const Make& make,
                              const std::vector<std::string>* used) const {
  const fs::path folder = place(kind, key);
  std::string damaged;
  if (usable(folder, used, damaged)) {
    touch(folder);
    return folder;
  }
  const std::string name = kind + "-" + key;
  const support::FileLock lock(root_ / kLocks / name);
  damaged.clear();
  if (usable(folder, used, damaged))
    return folder;  // somebody made it while we waited
  shared_->drop(folder);
  check_all_in_use();
  if (!damaged.empty() && shared_->report)
    shared_->report(
        fmt::format("the cache is damaged and mended: {} {}: {}", kind, key.substr(0, 12), damaged));
  fs::create_directories(folder.parent_path());
  make_entry(folder, root_ / kUnfinished / name, make);
  return folder;
}

fs::path Cache::entry(const std::string& kind, const std::string& key, const Make& make) const {
  return checked_entry(kind, key, make, nullptr);
}

fs::path Cache::entry(const std::string& kind, const std::string& key, const Make& make,
                      const std::vector<std::string>& used) const {
  return checked_entry(kind, key, make, &used);
}

std::optional<fs::path> Cache::find(const std::string& kind, const std::string& key,
                                    const std::vector<std::string>& used) const {
  const fs::path folder = place(kind, key);
  std::string damaged;
  if (usable(folder, &used, damaged)) {
    touch(folder);
    return folder;
  }
  shared_->drop(folder);  // else what is made next would be refused for its sake
  return std::nullopt;
}

bool Cache::copy_out(const std::string& kind, const std::string& key, const std::string& file,
                     const fs::path& target) const {
  const fs::path folder = place(kind, key);
  if (!shared_->take(folder) || !fs::exists(folder / file))
    return false;
  touch(folder);
  support::Checksum checksum;
  support::copy_sparse(folder / file, target, &checksum);
  if (checksum.hex() == checksum_in(folder, file))
    return true;
  shared_->drop(folder);
  return false;
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
    const std::string name = entry.kind + "-" + entry.key;
    support::FileLock lock(root_ / kLocks / name, support::FileLock::Wait::No);
    if (!lock.held())
      continue;  // it is being mended
    // Renamed first, so that nobody sees half an entry; who has its files open keeps them.
    const WorkFolder grave(root_ / kUnfinished / name);
    if (!take_away(place(entry.kind, entry.key), grave.path() / "entry"))
      continue;  // in use
    lock.remove();
    total -= entry.bytes;
    removed.push_back(entry);
  }
  return removed;
}

}  // namespace vmimage::cache
