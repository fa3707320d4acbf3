#include "disk/gpt.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <libfdisk.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>

#include "filesystem/block_device.hpp"
#include "support/bytes.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"

namespace vmimage::disk {

using support::failure;
using support::invalid;
using support::little_endian;

namespace {

struct ContextRelease {
  void operator()(fdisk_context* context) const { fdisk_unref_context(context); }
};
struct PartitionRelease {
  void operator()(fdisk_partition* partition) const { fdisk_unref_partition(partition); }
};

void check(int status, const std::string& what) {
  if (status < 0)
    throw failure(fmt::format("failed to {}: {}", what, std::strerror(-status)));
}

void add_partition(fdisk_context* context, std::size_t index, const Partition& partition) {
  const std::unique_ptr<fdisk_partition, PartitionRelease> entry(fdisk_new_partition());
  fdisk_parttype* type =
      fdisk_label_get_parttype_from_string(fdisk_get_label(context, "gpt"), partition.type.c_str());
  if (!type)
    throw failure("failed to find the partition type " + partition.type);
  check(fdisk_partition_set_type(entry.get(), type), "set a partition's type");
  fdisk_unref_parttype(type);
  check(fdisk_partition_set_partno(entry.get(), index), "number a partition");
  check(fdisk_partition_set_start(entry.get(), partition.offset / kSector), "place a partition");
  check(fdisk_partition_set_size(entry.get(), partition.size / kSector), "size a partition");
  check(fdisk_partition_set_name(entry.get(), partition.name.c_str()), "name a partition");
  check(fdisk_partition_set_uuid(entry.get(), partition.uuid.c_str()), "identify a partition");
  check(fdisk_add_partition(context, entry.get(), nullptr), "add the partition '" + partition.name + "'");
}

/// GUIDs are stored with their first three fields little-endian (UEFI Specification, appendix A).
std::string read_guid(const unsigned char* b) {
  return fmt::format("{:08X}-{:04X}-{:04X}-{:02X}{:02X}-{:02X}{:02X}{:02X}{:02X}{:02X}{:02X}",
                     little_endian(b, 4), little_endian(b + 4, 2), little_endian(b + 6, 2), b[8], b[9], b[10],
                     b[11], b[12], b[13], b[14], b[15]);
}

std::string read_name(const unsigned char* utf16) {
  std::string name;
  for (int i = 0; i < 36; ++i) {
    const auto unit = little_endian(utf16 + 2 * i, 2);
    if (unit == 0)
      break;
    name += unit < 128 ? static_cast<char>(unit) : '?';
  }
  return name;
}

}  // namespace

void write_gpt(const std::filesystem::path& disk, const std::string& disk_uuid,
               const std::vector<Partition>& partitions) {
  const std::unique_ptr<fdisk_context, ContextRelease> context(fdisk_new_context());
  check(fdisk_assign_device(context.get(), disk.c_str(), 0), "open '" + disk.string() + "'");
  check(fdisk_create_disklabel(context.get(), "gpt"), "make a partition table");
  check(fdisk_set_disklabel_id_from_string(context.get(), disk_uuid.c_str()), "identify the disk");
  for (std::size_t i = 0; i < partitions.size(); ++i)
    add_partition(context.get(), i, partitions[i]);
  check(fdisk_write_disklabel(context.get()), "write the partition table");
  check(fdisk_deassign_device(context.get(), 1), "write the partition table");
}

std::vector<Partition> read_gpt(filesystem::BlockDevice& device, const std::string& name) {
  const auto none = [&] {
    return invalid(fmt::format("'{}' has no GUID partition table", name),
                   "is it a disk image made by vmimage?");
  };
  std::array<unsigned char, kSector> header{};
  if (device.size() < 64 * kSector)
    throw none();
  device.read(kSector, header.data(), header.size());
  if (std::memcmp(header.data(), "EFI PART", 8) != 0)
    throw none();
  const auto table = little_endian(&header[72], 8) * kSector;
  const auto count = little_endian(&header[80], 4);
  const auto entry_size = little_endian(&header[84], 4);
  if (count > 1024 || entry_size < 128 || entry_size > 4096 || table >= device.size() ||
      count * entry_size > device.size() - table)
    throw none();
  std::vector<unsigned char> entries(count * entry_size);
  device.read(table, entries.data(), entries.size());
  std::vector<Partition> partitions;
  for (std::uint64_t i = 0; i < count; ++i) {
    const unsigned char* entry = &entries[i * entry_size];
    const auto first = little_endian(entry + 32, 8);
    const auto last = little_endian(entry + 40, 8);
    if (little_endian(entry, 8) == 0 && little_endian(entry + 8, 8) == 0)
      continue;  // unused
    if (first > last || last >= device.size() / kSector)
      throw none();
    partitions.push_back({read_name(entry + 56), read_guid(entry), read_guid(entry + 16), first * kSector,
                          (last - first + 1) * kSector, static_cast<int>(i) + 1});
  }
  return partitions;
}

const Partition& partition_of_type(const std::vector<Partition>& partitions, const std::string& type,
                                   const std::string& name) {
  for (const auto& partition : partitions)
    if (partition.type == type)
      return partition;
  throw invalid(fmt::format("'{}' has no partition of type {}", name, type),
                "is it a disk image made by vmimage?");
}

std::string derived_uuid(const std::string& seed) {
  std::string hex = support::sha256(seed).substr(0, 32);
  hex[12] = '8';                                         // version
  hex[16] = "89ab"[static_cast<unsigned>(hex[16]) & 3];  // variant
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

}  // namespace vmimage::disk
