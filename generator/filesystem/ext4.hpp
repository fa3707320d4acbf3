#pragma once
// An ext4 file system inside a file or a disk, read and written by libext2fs: no mount, no root, no loop
// device.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmimage::filesystem {

class BlockDevice;

/// Owner, permissions (the low 12 bits of st_mode) and times of one node; mtime in seconds since the epoch,
/// absent: the time that the file system was opened with.
struct Attributes {
  std::uint32_t mode = 0644;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::optional<std::int64_t> mtime = std::nullopt;
};

enum class NodeType { File, Directory, Symlink, CharacterDevice, BlockDevice, Fifo, Socket };

struct Status {
  NodeType type;
  Attributes attributes;
  std::uint64_t size;
  std::string target;  ///< of a symbolic link
};

/// One node that Ext4::walk() comes by.
struct Entry {
  std::string path;
  Status status;
  std::uint32_t inode = 0;  ///< equal for hard links to one file
};

/// Gives the next bytes of a file's content; an empty view ends it.
using ContentReader = std::function<std::string_view()>;
/// Takes the next bytes of a file's content.
using ContentSink = std::function<void(std::string_view)>;

/// Formats `size` bytes at `offset` of a sparse file with mke2fs(8). All identifiers derive from `uuid`,
/// all times are `time`, so that the same input gives the same bytes.
void format_ext4(const std::filesystem::path& file, std::uint64_t offset, std::uint64_t size,
                 const std::string& label, const std::string& uuid, std::int64_t time);

class Ext4 {
 public:
  enum class Access { Read, Write };

  /// Opens the file system that starts at byte `offset` of the device. `time` stamps what is changed.
  /// Throws Error{Failure} when there is no ext4 file system.
  Ext4(BlockDevice& device, std::uint64_t offset, Access access, std::int64_t time = 0);
  ~Ext4();

  /// Paths are absolute; symbolic links in the folders of a path are followed, the last part is not.
  std::optional<Status> status(const std::string& path) const;
  std::string read(const std::string& path) const;
  void read(const std::string& path, const ContentSink& sink) const;
  std::vector<std::string> list(const std::string& path) const;  ///< names, sorted, without . and ..
  /// Calls `each` for all that is below a folder, names sorted, a folder before what it holds. Reads each
  /// inode once and follows no links, so it is the way to look at many files. Throws Error{Failure} when a
  /// folder is reached twice.
  void walk(const std::string& folder, const std::function<void(const Entry&)>& each) const;
  /// The content of a file that walk() came by.
  void read(const Entry& entry, const ContentSink& sink) const;
  /// Its extended attributes (xattr(7)): name and value.
  std::vector<std::pair<std::string, std::string>> xattrs(const Entry& entry) const;

  /// Each replaces what is there, except that a folder stays and gets the new attributes. Missing parents are
  /// made (root's, 0755). Throws Error{Failure}, naming the path; "no space left" says how much there was.
  void make_directory(const std::string& path, const Attributes& attributes);
  void write_file(const std::string& path, const Attributes& attributes, std::uint64_t size,
                  const ContentReader& content);
  void write_file(const std::string& path, const Attributes& attributes, std::string_view content);
  void make_symlink(const std::string& path, const std::string& target, const Attributes& attributes);
  void make_node(const std::string& path, NodeType type, const Attributes& attributes, unsigned major = 0,
                 unsigned minor = 0);
  void link(const std::string& existing, const std::string& path);
  void set_xattr(const std::string& path, const std::string& name, std::string_view value);
  void remove(const std::string& path);  ///< with all below it; nothing when absent

  /// Writes all that is pending; without it the destructor drops changes to the tables.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vmimage::filesystem
