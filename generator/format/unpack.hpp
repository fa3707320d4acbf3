#pragma once
// Disks in archives: OVA, tar (compressed or not) with a disk.raw, gzip'd raw.

#include "format/open.hpp"

namespace vmimage::format {

/// `source.image` is compressed: writes the disk that is in it into a file of its own.
void unpack(Source& source);
/// `source.image` is a tar that is not compressed: finds where in it the disk is.
void find_in_tar(Source& source);
/// Compares the members of an OVA with the digests in its manifest (.mf). Throws Error{Usage} when one
/// differs.
void check_digests(const std::filesystem::path& ova);

}  // namespace vmimage::format
