#pragma once
// The OVF descriptor (DMTF DSP0243 1.1, Open Virtualization Format): what an OVA says of its machine. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "format/format.hpp"

namespace vmimage::format {

/// A disk of an OVF package.
struct OvfDisk {
  std::string id;
  std::string file;         ///< name of the file in the package; empty: a disk without content
  std::string compression;  ///< of that file: empty, "identity" or "gzip"
  bool chunked = false;     ///< the file is in several pieces
};

/// The disks that a descriptor names, in its order. Throws Error{Usage} that starts with `where`.
std::vector<OvfDisk> read_ovf_disks(const std::string& text, const std::string& where);

/// A package of one disk.
struct OvfPackage {
  const Description& about;
  std::string disk_file;             ///< its name in the package
  std::uint64_t disk_file_size = 0;  ///< bytes
  std::uint64_t capacity = 0;        ///< of the disk, bytes
  std::uint64_t populated = 0;       ///< bytes of it that are not zero
};

/// The descriptor of a package: one machine with one disk, one network card, and nothing that the image has
/// no driver for.
std::string write_ovf(const OvfPackage& package);

}  // namespace vmimage::format
