// raw, sparse; and raw with a footer, which is a fixed VHD: what Azure takes.

#include <algorithm>

#include "format/grow.hpp"
#include "format/output.hpp"
#include "format/writers.hpp"

namespace vmimage::format {

namespace {

constexpr std::size_t kBlock = 64 << 10;

/// Cylinders, heads, sectors (Virtual Hard Disk Image Format Specification, appendix "CHS Calculation").
void put_geometry(std::string& footer, std::size_t offset, std::uint64_t sectors) {
  sectors = std::min<std::uint64_t>(sectors, 65535 * 16 * 255);
  std::uint64_t per_track = 255, heads = 16, tracks = sectors / per_track;
  if (sectors < 65535 * 16 * 63) {
    per_track = 17;
    tracks = sectors / per_track;
    heads = std::max<std::uint64_t>(4, (tracks + 1023) / 1024);
    if (tracks >= heads * 1024 || heads > 16) {
      per_track = 31;
      heads = 16;
      tracks = sectors / per_track;
    }
    if (tracks >= heads * 1024) {
      per_track = 63;
      heads = 16;
      tracks = sectors / per_track;
    }
  }
  put_big(footer, offset, static_cast<std::uint16_t>(tracks / heads));
  footer[offset + 2] = static_cast<char>(heads);
  footer[offset + 3] = static_cast<char>(per_track);
}

/// Virtual Hard Disk Image Format Specification 1.0, "Hard Disk Footer Format"; numbers are big-endian.
std::string vhd_footer(std::uint64_t size, const Description& about) {
  constexpr std::int64_t kEpoch = 946684800;  // 2000-01-01
  std::string footer(512, '\0');
  footer.replace(0, 8, "conectix");
  put_big<std::uint32_t>(footer, 8, 2);            // features: the reserved bit, always set
  put_big<std::uint32_t>(footer, 12, 0x00010000);  // version
  put_big<std::uint64_t>(footer, 16, ~0ull);       // no further header: a fixed disk
  put_big(footer, 24, static_cast<std::uint32_t>(std::max<std::int64_t>(about.time - kEpoch, 0)));
  footer.replace(28, 4, "win ");  // Hyper-V: with it, readers go by the size and not by the geometry
  put_big<std::uint32_t>(footer, 32, 0x00060001);
  footer.replace(36, 4, "Wi2k");
  put_big(footer, 40, size);
  put_big(footer, 48, size);
  put_geometry(footer, 56, size / 512);
  put_big<std::uint32_t>(footer, 60, 2);  // fixed
  footer.replace(68, 16, uuid_bytes(about.seed, "vhd"));
  std::uint32_t sum = 0;
  for (const char byte : footer)
    sum += static_cast<unsigned char>(byte);
  put_big(footer, 64, ~sum);
  return footer;
}

void copy(filesystem::BlockDevice& disk, Output& output, const Meter& meter) {
  each_block(disk, kBlock, meter, [&](const Block& block) {
    const auto size = std::min<std::uint64_t>(block.bytes.size(), disk.size() - block.offset);
    output.write_at(block.offset, block.bytes.substr(0, size));
  });
  output.skip(disk.size());
}

}  // namespace

void write_raw(const Job& job) {
  Output output(job.to);
  copy(job.disk, output, job.meter);
  output.finish();
}

void write_vhd(const Job& job) {
  // Azure: "All VHDs on Azure must have a virtual size aligned to 1 MB", and of fixed size.
  Grown disk(job.disk, 1 << 20);
  Output output(job.to);
  copy(disk, output, job.meter);
  output.append(vhd_footer(disk.size(), job.about));
  output.finish();
}

}  // namespace vmimage::format
