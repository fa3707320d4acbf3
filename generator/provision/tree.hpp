#pragma once
// A root file system as a folder: filled from tar archives, and what changed in it written to one. Owners are
// numbers as this process sees them, so both are called inside the user namespace.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "provision/plan.hpp"

namespace vmimage::provision {

/// What tells whether a file was touched: its inode and the time of its last change (nanoseconds), which no
/// program can set.
using Stamps = std::map<std::string, std::pair<std::uint64_t, std::int64_t>>;

/// Every path below the folder, absolute as seen from it.
Stamps stamps_of(const std::filesystem::path& root);

/// Unpacks a tar of any compression, read from `archive`, into "/": the caller has changed its root. Device
/// nodes are left out, which no namespace can make.
void unpack(int archive, const std::string& name);

/// Writes the nodes at these paths to a tar on `archive`, with owners, modes, links and extended attributes,
/// all times `time`; sockets are left out. To be called in the changed root.
void pack(const std::vector<std::string>& paths, std::int64_t time, int archive);

}  // namespace vmimage::provision
