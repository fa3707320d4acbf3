// Compressed raw disks. raw.gz, for DigitalOcean and others: gzip alone. gce, for Google Compute Engine: a
// tar in GNU's old format with one file, disk.raw, of whole GiB, compressed with gzip ("Manually import boot
// disks" in Compute Engine's documentation); holes are left out of it ("Old GNU Format" of tar(5) in
// libarchive).

#include <fmt/format.h>

#include <algorithm>

#include "format/deflate.hpp"
#include "format/grow.hpp"
#include "format/writers.hpp"

namespace vmimage::format {

using filesystem::Extent;

namespace {

constexpr std::size_t kBlock = 64 << 10;
constexpr std::uint64_t kGoogleUnit = 1 << 30;
constexpr std::size_t kTarBlock = 512, kTarRecord = 20 * kTarBlock;

/// Runs of blocks that are not zero, up to the end of the disk.
std::vector<Extent> filled(filesystem::BlockDevice& disk) {
  std::vector<Extent> runs;
  each_block(
      disk, kBlock, [](std::uint64_t, std::uint64_t) {},
      [&](const Block& block) {
        const auto size = std::min<std::uint64_t>(kBlock, disk.size() - block.offset);
        if (!runs.empty() && runs.back().offset + runs.back().size == block.offset)
          runs.back().size += size;
        else
          runs.push_back({block.offset, size});
      });
  return runs;
}

/// A field of a tar header: octal digits, or GNU's base 256 for what does not fit.
void put_number(std::string& header, std::size_t offset, std::size_t width, std::uint64_t value) {
  if (value >> (3 * (width - 1)) == 0) {
    header.replace(offset, width - 1, fmt::format("{:0{}o}", value, width - 1));
    return;
  }
  for (std::size_t i = 0; i < width; ++i)
    header[offset + width - 1 - i] = i < 8 ? static_cast<char>(value >> (8 * i)) : '\0';
  header[offset] = '\x80';
}

/// Entries of the map of holes: offset and length, in 12 digits each.
void put_runs(std::string& block, std::size_t offset, const std::vector<Extent>& runs, std::size_t first,
              std::size_t count) {
  for (std::size_t i = first; i < std::min(first + count, runs.size()); ++i, offset += 24) {
    put_number(block, offset, 12, runs[i].offset);
    put_number(block, offset + 12, 12, runs[i].size);
  }
}

/// The header of one sparse file, with the blocks that continue its map.
std::string sparse_header(const std::string& name, std::uint64_t size, std::int64_t time,
                          std::vector<Extent> runs) {
  constexpr std::size_t kInHeader = 4, kInBlock = 21;
  std::uint64_t stored = 0;
  for (const auto& run : runs)
    stored += run.size;
  if (runs.empty() || runs.back().offset + runs.back().size < size)
    runs.push_back({size, 0});  // says where the last hole ends
  std::string header(kTarBlock, '\0');
  header.replace(0, name.size(), name);
  put_number(header, 100, 8, 0644);
  put_number(header, 108, 8, 0);
  put_number(header, 116, 8, 0);
  put_number(header, 124, 12, stored);
  put_number(header, 136, 12, static_cast<std::uint64_t>(std::max<std::int64_t>(time, 0)));
  header[156] = 'S';
  header.replace(257, 8, std::string_view("ustar  \0", 8));
  put_runs(header, 386, runs, 0, kInHeader);
  header[482] = runs.size() > kInHeader ? '\1' : '\0';
  put_number(header, 483, 12, size);
  header.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char byte : header)
    sum += static_cast<unsigned char>(byte);
  header.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
  for (std::size_t i = kInHeader; i < runs.size(); i += kInBlock) {
    std::string block(kTarBlock, '\0');
    put_runs(block, 0, runs, i, kInBlock);
    block[504] = i + kInBlock < runs.size() ? '\1' : '\0';
    header += block;
  }
  return header;
}

}  // namespace

void write_gce(const Job& job) {
  Grown disk(job.disk, kGoogleUnit);
  const std::string header = sparse_header("disk.raw", disk.size(), job.about.time, filled(disk));
  Output output(job.to);
  GzipWriter gzip(output);
  gzip.append(header);
  std::uint64_t length = header.size();
  each_block(disk, kBlock, job.meter, [&](const Block& block) {  // whole blocks: the disk is of whole GiB
    gzip.append(block.bytes);
    length += block.bytes.size();
  });
  gzip.append(std::string(round_up(length + 2 * kTarBlock, kTarRecord) - length, '\0'));
  gzip.finish();
}

void write_raw_gz(const Job& job) {
  Output output(job.to);
  GzipWriter gzip(output);
  std::uint64_t at = 0;
  each_block(job.disk, kBlock, job.meter, [&](const Block& block) {
    gzip.zeroes(block.offset - at);
    const auto size = std::min<std::uint64_t>(block.bytes.size(), job.disk.size() - block.offset);
    gzip.append(block.bytes.substr(0, size));
    at = block.offset + size;
  });
  gzip.zeroes(job.disk.size() - at);
  gzip.finish();
}

}  // namespace vmimage::format
