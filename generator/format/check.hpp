#pragma once
// Whether an image is whole, before anything is made from it.

#include "format/open.hpp"

namespace vmimage::format {

/// Throws Error{Usage} when the image is no disk image, is cut off, or is damaged as far as its format can
/// tell: by the digests of an OVA, qemu-img's check of formats that have tables, and what the partition table
/// says of the disk's size.
void check_whole(const Source& source, filesystem::BlockDevice& disk);

}  // namespace vmimage::format
