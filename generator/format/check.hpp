#pragma once
// Whether an image is whole, before anything is made from it.

#include "format/open.hpp"

namespace vmimage::format {

/// The disk, read-only, as open_image(). Throws Error{Usage} when the image is no disk image, is cut off, or
/// is damaged as far as its format can tell: by the digests of an OVA, qemu-img's check of formats that have
/// tables, and what the partition table says of the disk's size.
std::unique_ptr<filesystem::BlockDevice> open_checked(const Source& source);

}  // namespace vmimage::format
