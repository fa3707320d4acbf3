#pragma once
// The content-addressed store: what was made once from the same input is not made again, by anybody.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/error.hpp"

namespace vmimage::cache {

/// Something was to be made of an entry of which only a part had been checked, and the rest is damaged.
class Damaged : public support::Error {
  using support::Error::Error;
};

/// An entry is a folder <root>/<kind>/<key>, which appears whole or not at all and never changes afterwards.
/// It holds a list of checksums of its files (entry.hpp), which are checked when it is used: a damaged entry
/// is made again, never used. Copies of a Cache are the same cache; the entries that one of them gave out are
/// not pruned by anybody while it lives. Safe between threads and processes, and when killed at any moment.
class Cache {
 public:
  using Make = std::function<void(const std::filesystem::path&)>;
  using Report = std::function<void(const std::string&)>;  ///< one line

  /// `root` empty: support::cache_folder(). `report` is told of entries that are damaged.
  explicit Cache(std::filesystem::path root = {}, Report report = {});

  /// The entry's folder, with all files as they were made. When it is not there, or damaged, `make` fills an
  /// empty folder, which then becomes the entry; meanwhile others who want the same one wait. Throws what
  /// `make` throws, and leaves nothing behind.
  std::filesystem::path entry(const std::string& kind, const std::string& key, const Make& make) const;
  /// The same, for who reads only these files of it now (paths within it): only they are checked, unless the
  /// cache is thorough(). Before another entry is made, perhaps of it, the rest is checked too: throws
  /// Damaged.
  std::filesystem::path entry(const std::string& kind, const std::string& key, const Make& make,
                              const std::vector<std::string>& used) const;
  /// The entry's folder when it is there and these files of it are right; else nothing, and nothing is made.
  std::optional<std::filesystem::path> find(const std::string& kind, const std::string& key,
                                            const std::vector<std::string>& used) const;
  /// Copies one file out of an entry, checking it on the way, so that it is read only once. False, and then
  /// the target is worth nothing, when there is no such entry, or a damaged one.
  bool copy_out(const std::string& kind, const std::string& key, const std::string& file,
                const std::filesystem::path& target) const;
  /// The same cache, which checks every file of an entry whatever is said to be used.
  Cache thorough() const;

  bool has(const std::string& kind, const std::string& key) const;
  const std::filesystem::path& root() const { return root_; }
  bool grew() const;  ///< entries were made through this cache

  struct Usage {
    std::string kind;
    std::string key;
    std::uint64_t bytes = 0;     ///< on disk
    std::int64_t last_used = 0;  ///< seconds since the epoch
  };
  std::vector<Usage> usage() const;  ///< least recently used first
  /// Calls action(cache), and when that meets a damaged entry, action(thorough()), which makes it again.
  template <typename Action>
  auto mending(Action action) const {
    try {
      return action(*this);
    } catch (const Damaged&) {
      return action(thorough());
    }
  }

  /// Removes least recently used entries until at most `limit` bytes are left, and what interrupted runs left
  /// half made; entries in use stay. Returns the entries that went.
  std::vector<Usage> prune(std::uint64_t limit) const;

 private:
  struct Shared;
  std::filesystem::path place(const std::string& kind, const std::string& key) const;
  std::filesystem::path checked_entry(const std::string& kind, const std::string& key, const Make& make,
                                      const std::vector<std::string>* used) const;
  void check_all_in_use() const;
  bool usable(const std::filesystem::path& folder, const std::vector<std::string>* used,
              std::string& damaged) const;
  void make_entry(const std::filesystem::path& folder, const std::filesystem::path& work,
                  const Make& make) const;
  void remove_leftovers() const;

  std::filesystem::path root_;
  bool thorough_ = false;
  std::shared_ptr<Shared> shared_;
};

}  // namespace vmimage::cache
