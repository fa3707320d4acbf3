// Virtual Disk Format 5.0 (VMware's technical note), "Stream-Optimized Compressed Sparse Extents": a header,
// grains of 64 KiB compressed one by one, tables of where they are after each 512 of them, and a footer.

#include "format/vmdk.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "format/deflate.hpp"
#include "format/writers.hpp"
#include "support/digest.hpp"

namespace vmimage::format {

namespace {

constexpr std::uint64_t kSector = 512, kGrain = 64 << 10, kGrainsInTable = 512;
constexpr std::uint64_t kOverhead = 128;  // sectors before the first grain
constexpr std::uint64_t kAtEnd = ~0ull;   // "the footer says it"
enum Marker : std::uint32_t { kEndOfStream = 0, kGrainTable = 1, kGrainDirectory = 2, kFooter = 3 };

/// SparseExtentHeader, little-endian.
std::string header(std::uint64_t sectors, std::uint64_t directory) {
  std::string bytes(kSector, '\0');
  bytes.replace(0, 4, "KDMV");
  put_little<std::uint32_t>(bytes, 4, 3);         // version
  put_little<std::uint32_t>(bytes, 8, 0x030001);  // line ends can be checked, compressed grains, markers
  put_little(bytes, 12, sectors);
  put_little<std::uint64_t>(bytes, 20, kGrain / kSector);
  put_little<std::uint64_t>(bytes, 28, 1);  // descriptor: where, and how long
  put_little<std::uint64_t>(bytes, 36, kOverhead - 1);
  put_little<std::uint32_t>(bytes, 44, kGrainsInTable);
  put_little(bytes, 56, directory);
  put_little(bytes, 64, kOverhead);
  bytes.replace(73, 4, "\n \r\n");
  put_little<std::uint16_t>(bytes, 77, 1);  // deflate
  return bytes;
}

/// The text that describes the disk; what it names belongs to the image, not to the file it is in.
std::string descriptor(std::uint64_t sectors, const Description& about) {
  const std::string id = support::sha256(about.seed + "\nvmdk");
  const std::uint64_t cylinders = std::clamp<std::uint64_t>(sectors / (255 * 63), 1, 65535);
  return fmt::format(
      "# Disk DescriptorFile\n"
      "version=1\n"
      "encoding=\"UTF-8\"\n"
      "CID={}\n"
      "parentCID=ffffffff\n"
      "createType=\"streamOptimized\"\n"
      "\n"
      "# Extent description\n"
      "RW {} SPARSE \"{}-disk1.vmdk\"\n"
      "\n"
      "# The Disk Data Base\n"
      "#DDB\n"
      "\n"
      "ddb.adapterType = \"lsilogic\"\n"
      "ddb.geometry.cylinders = \"{}\"\n"
      "ddb.geometry.heads = \"255\"\n"
      "ddb.geometry.sectors = \"63\"\n"
      "ddb.longContentID = \"{}{}\"\n"
      "ddb.virtualHWVersion = \"13\"\n",
      "7" + id.substr(1, 7), sectors, about.name, cylinders, id.substr(8, 24), "7" + id.substr(1, 7));
}

class Writer {
 public:
  Writer(std::uint64_t size, const std::function<void(std::string_view)>& append)
      : append_(append),
        sectors_(round_up(size, kSector) / kSector),
        directory_((sectors_ * kSector + kGrain * kGrainsInTable - 1) / (kGrain * kGrainsInTable)),
        table_(kGrainsInTable) {}

  void begin(const Description& about) {
    std::string text = descriptor(sectors_, about);
    text.resize((kOverhead - 1) * kSector);
    put(header(sectors_, kAtEnd));
    put(text);
  }
  void grain(std::uint64_t offset, const std::string& compressed) {
    const std::uint64_t index = offset / kGrain;
    if (index / kGrainsInTable != table_index_)
      end_table();
    table_index_ = index / kGrainsInTable;
    table_[index % kGrainsInTable] = static_cast<std::uint32_t>(at_);
    used_ = true;
    std::string bytes(12, '\0');
    put_little(bytes, 0, offset / kSector);
    put_little(bytes, 8, static_cast<std::uint32_t>(compressed.size()));
    put(bytes + compressed);
  }
  void end() {
    end_table();
    const std::string bytes = numbers(directory_);
    marker(kGrainDirectory, bytes.size() / kSector);
    const std::uint64_t directory = at_;
    put(bytes);
    marker(kFooter, 1);
    put(header(sectors_, directory));
    marker(kEndOfStream, 0);
  }

 private:
  void put(std::string bytes) {
    bytes.resize(round_up(bytes.size(), kSector));
    append_(bytes);
    at_ += bytes.size() / kSector;
  }
  void marker(Marker type, std::uint64_t sectors) {
    std::string bytes(kSector, '\0');
    put_little(bytes, 0, sectors);
    put_little<std::uint32_t>(bytes, 12, type);
    put(bytes);
  }
  static std::string numbers(const std::vector<std::uint32_t>& values) {
    std::string bytes(round_up(values.size() * 4, kSector), '\0');
    for (std::size_t i = 0; i < values.size(); ++i)
      put_little(bytes, 4 * i, values[i]);
    return bytes;
  }
  void end_table() {
    if (!used_)
      return;  // a table without grains is not there
    const std::string bytes = numbers(table_);
    marker(kGrainTable, bytes.size() / kSector);
    directory_[table_index_] = static_cast<std::uint32_t>(at_);
    put(bytes);
    std::fill(table_.begin(), table_.end(), 0);
    used_ = false;
  }

  const std::function<void(std::string_view)>& append_;
  std::uint64_t sectors_;
  std::vector<std::uint32_t> directory_;
  std::vector<std::uint32_t> table_;
  std::uint64_t table_index_ = 0;
  bool used_ = false;
  std::uint64_t at_ = 0;  // sectors written
};

}  // namespace

std::uint64_t stream_vmdk(filesystem::BlockDevice& disk, const Description& about, const Meter& meter,
                          const std::function<void(std::string_view)>& append) {
  Writer writer(disk.size(), append);
  writer.begin(about);
  std::uint64_t stored = 0;
  std::vector<std::string> compressed;
  each_batch(disk, kGrain, meter, [&](const std::vector<Block>& grains) {
    compressed.assign(grains.size(), {});
    in_parallel(grains.size(), [&](std::size_t i) { compressed[i] = zlib_stream(grains[i].bytes); });
    stored += grains.size() * kGrain;
    for (std::size_t i = 0; i < grains.size(); ++i)
      writer.grain(grains[i].offset, compressed[i]);
  });
  writer.end();
  return stored;
}

void write_vmdk(const Job& job) {
  Output output(job.to);
  stream_vmdk(job.disk, job.about, job.meter, [&](std::string_view bytes) { output.append(bytes); });
  output.finish();
}

}  // namespace vmimage::format
