#pragma once
// An image of any format, opened for reading: what is on it, and the files of one of its partitions.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "format/open.hpp"
#include "inspect/reader.hpp"
#include "recipe/manifest.hpp"

namespace vmimage::inspect {

class Opened {
 public:
  /// `image`: as for image_of(). Throws Error{Usage} when it is no disk image.
  explicit Opened(const std::filesystem::path& image);
  /// What is open already.
  Opened(format::Source source, std::unique_ptr<filesystem::BlockDevice> device);

  const std::filesystem::path& path() const { return path_; }
  const std::string& format() const { return source_.format; }  ///< empty: one that only QEMU knows
  filesystem::BlockDevice& device() const { return *device_; }
  const disk::Layout& layout() const { return layout_; }

  /// The root's (see disk::find_root()), or that of the partition with this number. Throws Error{Usage}.
  const Reader& files(std::optional<int> partition = {});
  const disk::Volume& volume() const { return *volume_; }  ///< that files() chose

  /// Of an image of ours; of any other nothing, also when it has no root file system that we read.
  std::optional<recipe::Manifest> manifest();

 private:
  std::filesystem::path path_;
  format::Source source_;
  std::unique_ptr<filesystem::BlockDevice> device_;
  disk::Layout layout_;
  const disk::Volume* volume_ = nullptr;
  std::unique_ptr<Reader> reader_;
};

/// "IMAGE[:PATH]" as people write it.
struct Location {
  std::filesystem::path image;
  std::string path;  ///< absolute, in the image
};

/// A file of that whole name is an image; otherwise what is before the first ":" that follows an existing
/// file's name. A PATH without "/" starts at the root. Throws Error{Usage} when there is no such image.
Location parse_location(const std::string& text);

}  // namespace vmimage::inspect
