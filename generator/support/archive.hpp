#pragma once
// Archives by libarchive: written from memory, read entry by entry.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct archive;
struct archive_entry;

namespace vmimage::support {

/// One member of an archive to write.
struct Member {
  std::string path;               ///< relative, without "./"
  std::uint32_t mode = 0100644;   ///< st_mode, with the type bits
  std::string content;            ///< of a file; the target of a symbolic link
  unsigned major = 0, minor = 0;  ///< of a device
};

/// A cpio archive (newc, what the kernel unpacks as initramfs; kernel docs,
/// driver-api/early-userspace/buffer-format), all owned by root, all times 0.
std::string write_cpio(const std::vector<Member>& members);

/// Calls `each` for every entry of a tar (any compression). The reader is valid during the call only.
class ArchiveEntry {
 public:
  ArchiveEntry(archive* reader, archive_entry* entry) : reader_(reader), entry_(entry) {}
  std::string path() const;    ///< absolute and normal: "/usr/bin/env"; the root is "/"
  std::uint32_t mode() const;  ///< st_mode
  std::uint32_t uid() const;
  std::uint32_t gid() const;
  std::int64_t mtime() const;
  std::uint64_t size() const;
  std::string symlink() const;   ///< target, or empty
  std::string hardlink() const;  ///< absolute path, or empty
  unsigned device_major() const;
  unsigned device_minor() const;
  std::vector<std::pair<std::string, std::string>> xattrs() const;
  std::string_view next_block();  ///< of the content; empty at its end
  std::string content();

 private:
  archive* reader_;
  archive_entry* entry_;
  std::vector<char> buffer_;
};

/// Paths of the first members of a tar (any compression), at most `count`; none when it is no tar.
std::vector<std::string> first_members(const std::filesystem::path& file, std::size_t count);

/// What these bytes unpack to (xz, gzip, zstd, lz4, …); nothing when they are damaged or of no known kind.
std::optional<std::string> decompress(std::string_view bytes);

void read_tar(const std::filesystem::path& file, const std::function<void(ArchiveEntry&)>& each);

/// The same of a zip file, in the order of its directory; only the content that is asked for is read.
void read_zip(const std::filesystem::path& file, const std::function<void(ArchiveEntry&)>& each);

}  // namespace vmimage::support
