#pragma once
// The OVF descriptor (DMTF DSP0243 1.1, Open Virtualization Format): what an OVA says of its machine. Pure.

#include <cstdint>
#include <string>
#include <vector>

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

}  // namespace vmimage::format
