#pragma once
// Files and folders out of an image, onto the host or into a tar.

#include <filesystem>
#include <string>
#include <vector>

#include "inspect/reader.hpp"

namespace vmimage::inspect {

/// Copies the file or folder `path` (as resolve() gave it) to `destination`: into that, when it is a folder,
/// else under that name. Whole or not at all. A file that is there is replaced, a folder never: Error{Usage}.
/// Symbolic links in a folder stay links; owners become the caller's, set-user-ID and set-group-ID bits go.
/// Nothing is written outside `destination`, whatever the image's file system holds: names that no directory
/// can have ("a/b") and folders that are there twice are Error{Failure}. Returns what was left out: devices,
/// FIFOs and sockets.
std::vector<std::string> copy_out(const Reader& reader, const std::string& path,
                                  const std::filesystem::path& destination);

/// The same as a pax archive on a descriptor, with owners, permissions, times, hard links, extended
/// attributes and devices as they are.
void tar_out(const Reader& reader, const std::string& path, int descriptor);

}  // namespace vmimage::inspect
