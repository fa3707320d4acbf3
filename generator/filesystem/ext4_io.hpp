#pragma once
// libext2fs reads and writes through a table of functions (an io_manager); this one leads to a BlockDevice.

#include <ext2fs/ext2fs.h>

#include <cstdint>

namespace vmimage::filesystem {

class BlockDevice;

/// The name for ext2fs_open() that stands for `device` from byte `offset` on, while the scope lives.
class DeviceScope {
 public:
  DeviceScope(BlockDevice& device, std::uint64_t offset);
  static io_manager manager();
};

}  // namespace vmimage::filesystem
