#pragma once
// Small file helpers: whole or not at all.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "support/descriptor.hpp"

namespace vmimage::support {

namespace fs = std::filesystem;

class Checksum;

/// The whole file; throws Error naming the path.
std::string read_file(const fs::path& path);

/// Writes to a temporary file beside `path`, syncs, renames: readers see the old or the new, never a part.
/// Sync::No leaves the disk to the kernel: for what can be made again.
enum class Sync { Yes, No };
void write_file_atomic(const fs::path& path, std::string_view bytes, mode_t mode = 0644,
                       Sync sync = Sync::Yes);

/// An own folder, removed with all it holds when it goes out of scope.
class TempDir {
 public:
  /// Creates "<parent>/<prefix>XXXXXX"; `parent` empty: $TMPDIR or /tmp.
  explicit TempDir(const fs::path& parent = {}, const std::string& prefix = "vmimage-");
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// A file that appears under its final name only on commit(); otherwise it is removed. The temporary name
/// is in the same folder ("." + name + ".XXXXXX"), so that the rename is atomic. What a killed process left
/// of the same name goes when the next one begins.
class PendingFile {
 public:
  explicit PendingFile(const fs::path& final_path);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  const fs::path& path() const { return temporary_; }
  void commit();

 private:
  fs::path final_;
  fs::path temporary_;
  Descriptor lock_;  ///< tells that somebody is at it
};

/// Copies by reflink where the file system can, else only the data extents (sparse stays sparse).
/// `to` is created or truncated. `checksum`: what the copied bytes are added to, holes as zeroes. Throws
/// Error.
void copy_sparse(const fs::path& from, const fs::path& to, Checksum* checksum = nullptr);

/// Exclusive advisory lock on a file (flock), held until destruction; waits for it, interruptibly.
class FileLock {
 public:
  enum class Wait { Forever, No };
  explicit FileLock(const fs::path& path, Wait wait = Wait::Forever);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  /// Removes the file, while it is locked: whoever waits for it takes a new one of that name.
  void remove();
  bool held() const { return fd_ >= 0; }  ///< false only with Wait::No, when somebody else has it

 private:
  int fd_ = -1;
  fs::path path_;
};

/// XDG base folders of this user (XDG Base Directory Specification), each with the program's own folder.
fs::path cache_folder();                            ///< $VMIMAGE_CACHE, or $XDG_CACHE_HOME/vmimage
fs::path state_folder(const std::string& program);  ///< $XDG_STATE_HOME/<program>
fs::path runtime_folder(
    const std::string& program);  ///< $XDG_RUNTIME_DIR/<program>, else /tmp/<program>-<uid>

}  // namespace vmimage::support
