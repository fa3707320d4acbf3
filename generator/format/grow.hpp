#pragma once
// A disk made larger on its way into a format that wants a round size.

#include <string>
#include <vector>

#include "filesystem/block_device.hpp"

namespace vmimage::format {

/// A disk that reads as another one with zeroes behind its end, up to a multiple of `unit` bytes. Its GUID
/// partition table, when it has one, is told: the backup goes to the new end, and the space up to there is
/// usable (UEFI Specification 2.10, 5.3). Partitions stay as they are; read-only.
class Grown : public filesystem::BlockDevice {
 public:
  Grown(filesystem::BlockDevice& disk, std::uint64_t unit);
  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, void* data, std::size_t size) override;
  void write(std::uint64_t offset, const void* data, std::size_t size) override;
  void zero(std::uint64_t offset, std::uint64_t size) override;
  void flush() override {}
  std::vector<filesystem::Extent> data() override;

 private:
  struct Patch {
    std::uint64_t offset;
    std::string bytes;
  };
  void move_backup_table();
  filesystem::BlockDevice& disk_;
  std::uint64_t size_;
  std::vector<Patch> patches_;  ///< in order; a later one wins
};

}  // namespace vmimage::format
