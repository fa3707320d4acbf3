#pragma once
// GUID partition tables (UEFI Specification 2.10, chapter 5): written with libfdisk, read from any device.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace vmimage::filesystem {
class BlockDevice;
}

namespace vmimage::disk {

constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kAlignment = 1 << 20;  ///< what every hypervisor and SSD is happy with

/// Partition type GUIDs (UAPI Group, Discoverable Partitions Specification; GRUB manual for BIOS boot).
inline constexpr const char* kBiosBootType = "21686148-6449-6E6F-744E-656564454649";
inline constexpr const char* kEfiSystemType = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
inline constexpr const char* kRootX8664Type = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";

struct Partition {
  std::string name;
  std::string type;  ///< type GUID, upper case
  std::string uuid;
  std::uint64_t offset = 0;  ///< bytes
  std::uint64_t size = 0;    ///< bytes
  int number = 0;            ///< its place in the table that was read, from 1
};

/// Writes a table with these partitions, and the protective MBR, to a raw disk file.
void write_gpt(const std::filesystem::path& disk, const std::string& disk_uuid,
               const std::vector<Partition>& partitions);

/// Reads and checks the primary table. Throws Error{Usage} ("'<name>' has no GUID partition table …").
std::vector<Partition> read_gpt(filesystem::BlockDevice& device, const std::string& name);

/// The one partition of a type. Throws Error{Usage} when there is none.
const Partition& partition_of_type(const std::vector<Partition>& partitions, const std::string& type,
                                   const std::string& name);

/// A version 8 UUID (RFC 9562) out of a seed, so that the same input gives the same identifiers.
std::string derived_uuid(const std::string& seed);

}  // namespace vmimage::disk
