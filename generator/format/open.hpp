#pragma once
// Opening any image for reading: what it is, is found out from its content, never from its name.

#include <filesystem>
#include <memory>
#include <string>

#include "filesystem/block_device.hpp"
#include "support/file.hpp"

namespace vmimage::format {

/// Where in a file a disk is, and as what QEMU opens it.
struct Source {
  std::filesystem::path image;  ///< as it was given; for messages
  std::string format;          ///< what it is, as in all(); a name of QEMU's, or empty, for what is not there
  std::filesystem::path file;  ///< what the disk is in: the image, or what was unpacked from it
  std::string driver;          ///< QEMU's name for the disk; empty: QEMU finds it out
  filesystem::Extent part;     ///< of the file; size 0: all of it
  std::shared_ptr<support::TempDir> unpacked;  ///< holds `file` while this is there; for archives
};

/// Finds the disk in an image of any format: one that QEMU reads, an OVA, a tar with a disk.raw, compressed
/// or not, a gzip'd raw disk. A compressed one is unpacked (sparse, in $TMPDIR), all others are read in
/// place. Throws Error{Usage} when there is no disk in the file, or the file is damaged.
Source find_disk(const std::filesystem::path& image);

/// The disk, read-only.
std::unique_ptr<filesystem::BlockDevice> open_image(const Source& source);
std::unique_ptr<filesystem::BlockDevice> open_image(const std::filesystem::path& image);

}  // namespace vmimage::format
