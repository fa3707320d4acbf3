#pragma once
// A root file system as a folder: filled from tar archives, and what changed in it written to one. Owners are
// numbers as this process sees them, so both are called inside the user namespace.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "provision/plan.hpp"

namespace vmimage::provision {

/// What tells whether a file was touched: its inode and the time of its last change (nanoseconds), which no
/// program can set.
struct Stamp {
  std::uint64_t inode = 0;
  std::int64_t changed = 0;
  std::uint32_t type = 0;  ///< the type bits of st_mode
  bool operator==(const Stamp&) const = default;
};
using Stamps = std::map<std::string, Stamp>;

/// Every path below the folder, absolute as seen from it.
Stamps stamps_of(const std::filesystem::path& root);

/// Unpacks a tar of any compression, read from `archive`, into "/": the caller has changed its root. Device
/// nodes are left out, which no namespace can make.
void unpack(int archive, const std::string& name);

/// Writes the nodes at these paths to a tar on `archive`, with owners, modes, links and extended attributes,
/// all times `time`; sockets are left out. To be called in the changed root.
void pack(const std::vector<std::string>& paths, std::int64_t time, int archive);

}  // namespace vmimage::provision
