#include "format/grow.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "disk/gpt.hpp"
#include "format/output.hpp"
#include "support/error.hpp"

namespace vmimage::format {

using disk::kSector;
using filesystem::Extent;

namespace {

// The header of a GUID partition table (UEFI Specification 2.10, table 5-5): offsets of its fields.
constexpr std::size_t kHeaderSize = 12, kHeaderCrc = 16, kMyLba = 24, kAlternateLba = 32, kLastUsable = 48,
                      kEntriesLba = 72, kEntryCount = 80, kEntrySize = 84;
constexpr std::uint64_t kLargestTable = 1 << 20;

void seal(std::string& header) {
  const auto length = get_little<std::uint32_t>(header, kHeaderSize);
  put_little<std::uint32_t>(header, kHeaderCrc, 0);
  put_little(header, kHeaderCrc,
             static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(header.data()), length)));
}

}  // namespace

Grown::Grown(filesystem::BlockDevice& disk, std::uint64_t unit)
    : disk_(disk), size_(round_up(disk.size(), unit)) {
  if (size_ != disk.size())
    move_backup_table();
}

void Grown::move_backup_table() {
  std::string mbr(kSector, '\0'), header(kSector, '\0');
  if (disk_.size() < 64 * kSector)
    return;
  disk_.read(0, mbr.data(), kSector);
  disk_.read(kSector, header.data(), kSector);
  const auto length = get_little<std::uint32_t>(header, kHeaderSize);
  const std::uint64_t table = std::uint64_t{get_little<std::uint32_t>(header, kEntryCount)} *
                              get_little<std::uint32_t>(header, kEntrySize);
  const auto entries_lba = get_little<std::uint64_t>(header, kEntriesLba);
  if (!header.starts_with("EFI PART") || length < 92 || length > kSector || table > kLargestTable ||
      entries_lba > disk_.size() / kSector - table / kSector - 1)
    return;  // another kind of partition table, with nothing at its end
  std::string entries(round_up(table, kSector), '\0');
  disk_.read(entries_lba * kSector, entries.data(), table);

  const std::uint64_t sectors = entries.size() / kSector;
  const auto old = get_little<std::uint64_t>(header, kAlternateLba);
  if (old > sectors && old < disk_.size() / kSector)
    patches_.push_back({(old - sectors) * kSector, std::string((sectors + 1) * kSector, '\0')});
  const std::uint64_t last = size_ / kSector - 1;
  put_little(header, kAlternateLba, last);
  put_little(header, kLastUsable, last - sectors - 1);
  seal(header);
  patches_.push_back({kSector, header});
  put_little(header, kMyLba, last);
  put_little<std::uint64_t>(header, kAlternateLba, 1);
  put_little(header, kEntriesLba, last - sectors);
  seal(header);
  patches_.push_back({(last - sectors) * kSector, entries});
  patches_.push_back({last * kSector, header});
  constexpr std::size_t kFirstPartition = 446, kType = 4, kSectors = 12;
  if (mbr[kFirstPartition + kType] == '\xee') {  // the protective one covers the disk
    put_little(mbr, kFirstPartition + kSectors,
               static_cast<std::uint32_t>(std::min<std::uint64_t>(last, 0xffffffff)));
    patches_.push_back({0, mbr});
  }
}

void Grown::read(std::uint64_t offset, void* data, std::size_t size) {
  auto* bytes = static_cast<char*>(data);
  const std::uint64_t end = offset + size;
  const auto there = offset < disk_.size() ? std::min<std::uint64_t>(size, disk_.size() - offset) : 0;
  if (there > 0)
    disk_.read(offset, bytes, there);
  std::memset(bytes + there, 0, size - there);
  for (const auto& patch : patches_) {
    const std::uint64_t from = std::max(offset, patch.offset);
    const std::uint64_t to = std::min(end, patch.offset + patch.bytes.size());
    if (from < to)
      std::memcpy(bytes + (from - offset), &patch.bytes[from - patch.offset], to - from);
  }
}

std::vector<Extent> Grown::data() {
  std::vector<Extent> runs = disk_.data();
  for (const auto& patch : patches_)
    runs.push_back({patch.offset, patch.bytes.size()});
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  return runs;
}

void Grown::write(std::uint64_t, const void*, std::size_t) {
  throw support::failure("failed to write a disk that is only read");
}

void Grown::zero(std::uint64_t, std::uint64_t) {
  throw support::failure("failed to write a disk that is only read");
}

}  // namespace vmimage::format
