#pragma once
// qcow2, read and written in place without a server process: what a changed service costs is counted in
// milliseconds.

#include <cstdint>
#include <filesystem>
#include <map>
#include <vector>

#include "filesystem/block_device.hpp"

namespace vmimage::filesystem {

/// A qcow2 image as `qemu-img convert -O qcow2` makes it: version 3, clusters of 64 KiB, no backing file, no
/// snapshots, nothing compressed or encrypted (QEMU's docs/interop/qcow2.txt). Anything else is refused; read
/// that with NbdImage. New clusters go to the end of the file. Tables are written by flush(): until then the
/// file is not to be read by anybody else.
class Qcow2Image : public BlockDevice {
 public:
  /// Throws Error{Failure} when the file is no such image.
  explicit Qcow2Image(const std::filesystem::path& path, DeviceAccess access = DeviceAccess::Write);
  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, void* data, std::size_t size) override;
  void write(std::uint64_t offset, const void* data, std::size_t size) override;
  void zero(std::uint64_t offset, std::uint64_t size) override;
  void flush() override;
  /// Throws Error{Failure} also for what only QEMU can read in it (compressed data): afterwards all can be
  /// read.
  std::vector<Extent> data() override;

 private:
  /// A table of the file that fits into clusters, as numbers of this machine.
  template <typename Number>
  struct Table {
    std::uint64_t offset = 0;  ///< in the file
    std::vector<Number> entries;
    bool changed = false;
  };
  using Pointers = Table<std::uint64_t>;
  using Counts = Table<std::uint16_t>;

  template <typename Number>
  Table<Number> load(std::uint64_t offset, std::size_t count);
  template <typename Number>
  void store(Table<Number>& table);
  void read_header();
  void put(std::uint64_t place, const void* data, std::size_t size);
  Pointers* mapping(std::uint64_t cluster);  ///< the level 2 table, null when there is none yet
  Pointers& mapping_to_change(std::uint64_t cluster);
  std::uint64_t place_of(std::uint64_t cluster);  ///< in the file; 0: it reads as zeroes
  std::uint64_t grow();                           ///< the place of one more cluster
  std::uint64_t allocate();                       ///< the same, and counts it
  Counts& counts_of(std::uint64_t block);
  void count(std::uint64_t place);

  std::filesystem::path path_;
  RawFile file_;
  std::uint64_t size_ = 0;                    ///< of the disk
  std::uint64_t end_ = 0;                     ///< of the file, where the next cluster goes
  Pointers level1_;                           ///< level 2 tables
  Pointers refcounts_;                        ///< blocks of reference counts
  std::map<std::uint64_t, Pointers> level2_;  ///< those that were looked at, by their number
  std::map<std::uint64_t, Counts> blocks_;
};

}  // namespace vmimage::filesystem
