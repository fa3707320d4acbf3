#include "filesystem/qcow2.hpp"

#include <endian.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "support/error.hpp"

namespace vmimage::filesystem {

namespace {

constexpr std::uint64_t kCluster = 1 << 16;
constexpr std::uint64_t kPointers = kCluster / 8;  ///< in a level 2 table
constexpr std::uint64_t kCounts = kCluster / 2;    ///< in a block of 16-bit reference counts
constexpr std::uint64_t kCopied = 1ull << 63;      ///< the reference count is exactly one
constexpr std::uint64_t kPlace = 0x00fffffffffffe00;

std::uint64_t from_file(std::uint64_t number) {
  return be64toh(number);
}
std::uint16_t from_file(std::uint16_t number) {
  return be16toh(number);
}

bool all_zero(const char* data, std::size_t size) {
  return size == 0 || (data[0] == 0 && std::memcmp(data, data + 1, size - 1) == 0);
}

/// Calls step(cluster, offset within it, bytes) for each cluster that [offset, offset + size) touches.
template <typename Step>
void in_clusters(std::uint64_t offset, std::uint64_t size, Step step) {
  while (size > 0) {
    const std::uint64_t within = offset % kCluster;
    const auto part = std::min(size, kCluster - within);
    step(offset / kCluster, within, static_cast<std::size_t>(part));
    offset += part;
    size -= part;
  }
}

support::Error foreign(const std::filesystem::path& path, const std::string& why) {
  return support::failure(
      fmt::format("failed to open '{}' as a qcow2 image made by vmimage: {}", path.string(), why));
}

}  // namespace

Qcow2Image::Qcow2Image(const std::filesystem::path& path, DeviceAccess access)
    : path_(path), file_(path, access), end_((file_.size() + kCluster - 1) / kCluster * kCluster) {
  read_header();
}

/// With its space reserved: where ext4 has not given a block its place by the time a file takes another one's
/// name, it begins to write the whole file to the disk (auto_da_alloc, ext4(5)), which takes longer than all
/// that is done here.
void Qcow2Image::put(std::uint64_t place, const void* data, std::size_t size) {
  file_.reserve(place, size);
  file_.write(place, data, size);
}

template <typename Number>
Qcow2Image::Table<Number> Qcow2Image::load(std::uint64_t offset, std::size_t count) {
  Table<Number> table{offset, std::vector<Number>(count), false};
  if (offset == 0 || offset % kCluster != 0 || offset + count * sizeof(Number) > end_)
    throw foreign(path_, "a table lies outside of it");
  file_.read(offset, table.entries.data(), count * sizeof(Number));
  for (auto& entry : table.entries)
    entry = from_file(entry);
  return table;
}

template <typename Number>
void Qcow2Image::store(Table<Number>& table) {
  if (!table.changed)
    return;
  std::vector<Number> bytes = table.entries;
  for (auto& entry : bytes)
    entry = from_file(entry);  // its own inverse
  put(table.offset, bytes.data(), bytes.size() * sizeof(Number));
  table.changed = false;
}

/// The fixed part of the header ("Header" in qcow2.txt); all features that change how data is found are
/// refused.
void Qcow2Image::read_header() {
  std::array<unsigned char, 104> header{};
  if (file_.size() < header.size())
    throw foreign(path_, "it is too short");
  file_.read(0, header.data(), header.size());
  const auto number = [&](std::size_t at, int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i)
      value = value << 8 | header[at + static_cast<std::size_t>(i)];
    return value;
  };
  const auto require = [&](bool holds, const char* why) {
    if (!holds)
      throw foreign(path_, why);
  };
  require(number(0, 4) == 0x514649fb, "it is no qcow2 image");
  require(number(4, 4) == 3, "it is not of version 3");
  require(number(8, 8) == 0, "it has a backing file");
  require(number(20, 4) == 16, "its clusters are not of 64 KiB");
  require(number(32, 4) == 0, "it is encrypted");
  require(number(60, 4) == 0, "it has snapshots");
  require(number(72, 8) == 0, "it was not closed, or uses other features");
  require(number(88, 8) == 0, "it has bitmaps or other additions");
  require(number(96, 4) == 4, "its reference counts are not of 16 bits");
  size_ = number(24, 8);
  require(size_ < 1ull << 56, "its disk has an impossible size");
  const auto tables = number(36, 4);
  require(tables >= (size_ + kCluster * kPointers - 1) / (kCluster * kPointers) && tables < (1 << 22),
          "its table has a wrong size");
  level1_ = load<std::uint64_t>(number(40, 8), tables);
  require(number(56, 4) >= 1 && number(56, 4) < 1024, "its table of reference counts has a wrong size");
  refcounts_ = load<std::uint64_t>(number(48, 8), number(56, 4) * kPointers);
}

Qcow2Image::Pointers* Qcow2Image::mapping(std::uint64_t cluster) {
  const std::uint64_t number = cluster / kPointers;
  const auto known = level2_.find(number);
  if (known != level2_.end())
    return &known->second;
  const std::uint64_t entry = level1_.entries.at(number);
  if (entry == 0)
    return nullptr;
  if ((entry & ~kPlace) != kCopied)
    throw foreign(path_, "a part of it is shared");
  return &level2_.emplace(number, load<std::uint64_t>(entry & kPlace, kPointers)).first->second;
}

Qcow2Image::Pointers& Qcow2Image::mapping_to_change(std::uint64_t cluster) {
  Pointers* table = mapping(cluster);
  if (!table) {
    const std::uint64_t place = allocate();
    level1_.entries.at(cluster / kPointers) = place | kCopied;
    level1_.changed = true;
    table = &level2_[cluster / kPointers];
    *table = {place, std::vector<std::uint64_t>(kPointers), true};
  }
  table->changed = true;
  return *table;
}

std::uint64_t Qcow2Image::place_of(std::uint64_t cluster) {
  const Pointers* table = mapping(cluster);
  const std::uint64_t entry = table ? table->entries[cluster % kPointers] : 0;
  if (entry != 0 && (entry & ~kPlace) != kCopied)
    throw foreign(path_, "a part of it is compressed or shared");
  if ((entry & kPlace) >= end_)
    throw foreign(path_, "it is cut off");
  return entry & kPlace;
}

std::uint64_t Qcow2Image::grow() {
  const std::uint64_t place = end_;
  file_.reserve(place, kCluster);
  end_ += kCluster;
  return place;
}

std::uint64_t Qcow2Image::allocate() {
  const std::uint64_t place = grow();
  count(place);
  return place;
}

Qcow2Image::Counts& Qcow2Image::counts_of(std::uint64_t block) {
  const auto known = blocks_.find(block);
  if (known != blocks_.end())
    return known->second;
  if (block >= refcounts_.entries.size())
    throw support::failure("failed to write '" + path_.string() + "': the image file is too large");
  if (const std::uint64_t place = refcounts_.entries[block]; place != 0)
    return blocks_.emplace(block, load<std::uint16_t>(place, kCounts)).first->second;
  const std::uint64_t place = grow();
  refcounts_.entries[block] = place;
  refcounts_.changed = true;
  Counts& counts = blocks_[block];
  counts = {place, std::vector<std::uint16_t>(kCounts), true};
  count(place);  // a block may count itself
  return counts;
}

void Qcow2Image::count(std::uint64_t place) {
  const std::uint64_t cluster = place / kCluster;
  Counts& counts = counts_of(cluster / kCounts);
  counts.entries[cluster % kCounts] = 1;
  counts.changed = true;
}

void Qcow2Image::read(std::uint64_t offset, void* data, std::size_t size) {
  if (offset > size_ || size > size_ - offset)
    throw support::failure("failed to read '" + path_.string() + "': the disk ends too early");
  auto* at = static_cast<char*>(data);
  in_clusters(offset, size, [&](std::uint64_t cluster, std::uint64_t within, std::size_t part) {
    if (const std::uint64_t place = place_of(cluster))
      file_.read(place + within, at, part);
    else
      std::memset(at, 0, part);
    at += part;
  });
}

void Qcow2Image::write(std::uint64_t offset, const void* data, std::size_t size) {
  if (offset > size_ || size > size_ - offset)
    throw support::failure("failed to write '" + path_.string() + "': the disk ends too early");
  const auto* at = static_cast<const char*>(data);
  in_clusters(offset, size, [&](std::uint64_t cluster, std::uint64_t within, std::size_t part) {
    std::uint64_t place = place_of(cluster);
    if (place == 0 && !all_zero(at, part)) {
      // The rest of a new cluster reads as zeroes.
      Pointers& table = mapping_to_change(cluster);
      place = allocate();
      table.entries[cluster % kPointers] = place | kCopied;
    }
    if (place != 0)
      put(place + within, at, part);
    at += part;
  });
}

void Qcow2Image::zero(std::uint64_t offset, std::uint64_t size) {
  in_clusters(offset, size, [&](std::uint64_t cluster, std::uint64_t within, std::size_t part) {
    if (const std::uint64_t place = place_of(cluster))
      file_.zero(place + within, part);
  });
}

std::vector<Extent> Qcow2Image::data() {
  std::vector<Extent> list;
  const std::uint64_t clusters = (size_ + kCluster - 1) / kCluster, whole = file_.size();
  for (std::uint64_t cluster = 0; cluster < clusters; ++cluster) {
    if (cluster % kPointers == 0 && !mapping(cluster)) {
      cluster += kPointers - 1;
      continue;
    }
    const std::uint64_t place = place_of(cluster), offset = cluster * kCluster;
    if (place == 0)
      continue;
    const std::uint64_t length = std::min(kCluster, size_ - offset);
    if (place + length > whole)
      throw foreign(path_, "it is cut off");
    if (!list.empty() && list.back().offset + list.back().size == offset)
      list.back().size += length;
    else
      list.push_back({offset, length});
  }
  return list;
}

void Qcow2Image::flush() {
  for (auto& table : level2_)
    store(table.second);
  for (auto& block : blocks_)
    store(block.second);
  store(refcounts_);
  store(level1_);
}

}  // namespace vmimage::filesystem
