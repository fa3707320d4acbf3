#pragma once
// What is on a disk: its partition table (GPT, MBR or none) and the file systems in its partitions. Reads
// only what it needs, from any device.

#include <cstdint>
#include <string>
#include <vector>

#include "disk/gpt.hpp"

namespace vmimage::disk {

enum class Table { None, Gpt, Mbr };

/// "gpt", "mbr" or "none".
const char* to_string(Table table);

/// A partition, or the whole disk when it has no table.
struct Volume {
  int number = 0;          ///< as the kernel counts: /dev/vda1 is 1; 0: the whole disk
  Partition partition;     ///< `type` is a GUID, or of an MBR "0x83"
  std::string filesystem;  ///< as blkid(8) calls it: "ext4", "vfat", "crypto_LUKS", …; empty: none known
  std::string label;       ///< of the file system
  std::string uuid;        ///< of the file system
};

struct Layout {
  Table table = Table::None;
  std::vector<Volume> volumes;  ///< ascending numbers
};

/// Throws Error{Usage} when a table is there and makes no sense; `name` is the image's, for messages.
Layout read_layout(filesystem::BlockDevice& device, const std::string& name);

/// Partitions of a master boot record, with the logical ones of its extended partition, numbered as the
/// kernel does (5 and up). Throws Error{Usage} when the table makes no sense.
std::vector<Volume> read_mbr(filesystem::BlockDevice& device, const std::string& name);

/// What libblkid finds in `size` bytes at `offset`: sets file system, label and UUID.
void identify(filesystem::BlockDevice& device, Volume& volume);

}  // namespace vmimage::disk
