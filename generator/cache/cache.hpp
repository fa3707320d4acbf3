#pragma once
// The content-addressed store: what was made once from the same input is not made again, by anybody.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace vmimage::cache {

/// An entry is a folder <root>/<kind>/<key>, which appears whole or not at all and never changes afterwards.
class Cache {
 public:
  explicit Cache(std::filesystem::path root = {});  ///< empty: support::cache_folder()

  /// The entry's folder. When it is not there, `make` fills an empty folder, which then becomes the entry;
  /// meanwhile others who want the same one wait. Throws what `make` throws, and leaves nothing behind.
  std::filesystem::path entry(const std::string& kind, const std::string& key,
                              const std::function<void(const std::filesystem::path&)>& make) const;
  bool has(const std::string& kind, const std::string& key) const;
  const std::filesystem::path& root() const { return root_; }

  struct Usage {
    std::string kind;
    std::string key;
    std::uint64_t bytes = 0;     ///< on disk
    std::int64_t last_used = 0;  ///< seconds since the epoch
  };
  std::vector<Usage> usage() const;  ///< least recently used first
  /// Removes least recently used entries until at most `limit` bytes are left, and what interrupted runs left
  /// half made; returns the entries that went.
  std::vector<Usage> prune(std::uint64_t limit) const;

 private:
  std::filesystem::path place(const std::string& kind, const std::string& key) const;
  void remove_leftovers() const;
  std::filesystem::path root_;
};

}  // namespace vmimage::cache
