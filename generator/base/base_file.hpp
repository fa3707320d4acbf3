#pragma once
// The file that a base is: known by its content, and only read.

#include <filesystem>
#include <string>

#include "cache/cache.hpp"
#include "support/progress.hpp"

namespace vmimage::base {

struct BaseFile {
  std::filesystem::path path;  ///< absolute
  std::string sha256;          ///< of its bytes
  std::string stamp;           ///< inode, size and times, by which a change is noticed

  /// As manifests and messages have it: without the folder, which is this machine's matter.
  std::string name() const { return "file:" + path.filename().string(); }
};

/// Reads it through once; while inode, size and times stay, the digest is remembered in the cache. Throws
/// Error{Usage} when it is no file, or is empty.
BaseFile open_base_file(const cache::Cache& cache, const std::filesystem::path& path,
                        const support::Report& progress);

/// Throws Error{Failure} when the file is not the one any more that was opened.
void require_unchanged(const BaseFile& file);

}  // namespace vmimage::base
