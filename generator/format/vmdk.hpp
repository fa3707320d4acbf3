#pragma once
// VMware's streamOptimized disks, which can be written without ever going back.

#include <functional>
#include <string_view>

#include "format/format.hpp"

namespace vmimage::format {

/// Hands the bytes of a streamOptimized VMDK to `append`, from the first to the last. Returns how many bytes
/// of the disk are in it.
std::uint64_t stream_vmdk(filesystem::BlockDevice& disk, const Description& about, const Meter& meter,
                          const std::function<void(std::string_view)>& append);

}  // namespace vmimage::format
