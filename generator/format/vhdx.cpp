// Hyper-V's disk image ([MS-VHDX]): qemu-img writes it, with random identifiers, a log that has been applied,
// and its own version.

#include <array>

#include "format/output.hpp"
#include "format/writers.hpp"
#include "support/error.hpp"

namespace vmimage::format {

using filesystem::RawFile;

namespace {

constexpr std::uint64_t kUnit = 64 << 10;  // file identifier, headers and region tables are so far apart
constexpr std::size_t kHeader = 4096;

// As they are stored: the first three fields little-endian.
constexpr std::string_view kMetadataRegion{"\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e",
                                           16};
constexpr std::string_view kPage83{"\xab\x12\xca\xbe\xe6\xb2\x23\x45\x93\xef\xc3\x09\xe0\x00\xc7\x46", 16};

/// CRC-32C (Castagnoli), of a few KiB.
std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

std::string read(RawFile& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  file.read(offset, bytes.data(), size);
  return bytes;
}

void clear(RawFile& file, std::uint64_t offset, std::size_t size) {
  const std::string zeroes(size, '\0');
  file.write(offset, zeroes.data(), size);
}

/// Where a table has the entry of this identifier; entries are 32 bytes, from `first` on.
std::size_t entry_of(const std::string& table, std::size_t first, std::size_t count, std::string_view guid) {
  for (std::size_t i = 0, at = first; i < count && at + 32 <= table.size(); ++i, at += 32)
    if (std::string_view(table).substr(at, 16) == guid)
      return at;
  throw support::failure("failed to find an entry in the VHDX that qemu-img wrote");
}

/// [MS-VHDX] 2.2.2: two of them, of which the one with the higher sequence number counts; no log to be
/// replayed.
void write_headers(RawFile& file, const Description& about) {
  const std::string old = read(file, kUnit, kHeader);
  const auto log_length = get_little<std::uint32_t>(old, 68);
  const auto log_offset = get_little<std::uint64_t>(old, 72);
  clear(file, log_offset, log_length);
  for (std::uint64_t copy = 1; copy <= 2; ++copy) {
    std::string header(kHeader, '\0');
    header.replace(0, 4, "head");
    put_little(header, 8, copy);
    header.replace(16, 16, guid_bytes(about.seed, "vhdx file"));
    header.replace(32, 16, guid_bytes(about.seed, "vhdx data"));
    put_little<std::uint16_t>(header, 66, 1);  // version
    put_little(header, 68, log_length);
    put_little(header, 72, log_offset);
    put_little(header, 4, crc32c(header));
    file.write(copy * kUnit, header.data(), header.size());
  }
}

/// [MS-VHDX] 2.6.2.6: the identifier that the disk shows to its machine.
void write_page83(RawFile& file, const Description& about) {
  const std::string regions = read(file, 3 * kUnit, kUnit);
  const std::size_t region = entry_of(regions, 16, get_little<std::uint32_t>(regions, 8), kMetadataRegion);
  const auto metadata = get_little<std::uint64_t>(regions, region + 16);
  const std::string items = read(file, metadata, kUnit);
  const std::size_t item = entry_of(items, 32, get_little<std::uint16_t>(items, 10), kPage83);
  file.write(metadata + get_little<std::uint32_t>(items, item + 16),
             guid_bytes(about.seed, "vhdx page 83").data(), 16);
}

}  // namespace

void write_vhdx(const Job& job) {
  write_by_qemu(job, "vhdx", {"-o", "subformat=dynamic"});
  RawFile file(job.to, filesystem::DeviceAccess::Write);
  clear(file, 8, 512);  // who made it
  write_headers(file, job.about);
  write_page83(file, job.about);
}

}  // namespace vmimage::format
