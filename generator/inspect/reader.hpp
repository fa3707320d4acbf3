#pragma once
// One file system of an image, read-only, whatever kind it is of.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "disk/layout.hpp"
#include "filesystem/ext4.hpp"

namespace vmimage::inspect {

/// Paths are absolute and have no symbolic links in them (see resolve()), except as their last part.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual std::optional<filesystem::Status> status(const std::string& path) const = 0;
  virtual std::vector<std::string> list(const std::string& folder) const = 0;  ///< names, sorted
  /// As Ext4::walk().
  virtual void walk(const std::string& folder,
                    const std::function<void(const filesystem::Entry&)>& each) const = 0;
  virtual void read(const filesystem::Entry& entry, const filesystem::ContentSink& sink) const = 0;
  /// Extended attributes of what walk() came by: name and value.
  virtual std::vector<std::pair<std::string, std::string>> xattrs(const filesystem::Entry&) const {
    return {};
  }
};

/// Throws Error{Usage}, naming what is there, when it is neither ext4 (ext3, ext2) nor FAT.
std::unique_ptr<Reader> open_reader(filesystem::BlockDevice& device, const disk::Volume& volume,
                                    const std::string& name);

enum class LastLink { Follow, Keep };

/// Follows symbolic links as the running image would: absolute ones start at its root, ".." does not leave
/// it. The result has none, except as its last part with LastLink::Keep. Empty when there is no such file;
/// throws Error{Usage} for a ring of links.
std::string resolve(const Reader& reader, const std::string& path, LastLink last = LastLink::Follow);

/// A path that resolve() gave, as walk() would come by it.
filesystem::Entry entry_of(const Reader& reader, const std::string& path);

/// A whole file, for small ones; empty when it is not there or is larger than 64 MiB. Follows links.
std::string text_of(const Reader& reader, const std::string& path);

}  // namespace vmimage::inspect
