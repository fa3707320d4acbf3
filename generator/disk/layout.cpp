#include "disk/layout.hpp"

#include <blkid/blkid.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <type_traits>

#include "filesystem/block_device.hpp"
#include "support/bytes.hpp"
#include "support/error.hpp"

namespace vmimage::disk {

using filesystem::BlockDevice;
using support::invalid;

namespace {

constexpr std::size_t kTableAt = 446;       // of an MBR's four entries
constexpr std::uint64_t kEnds = 512 << 10;  // where file systems have their superblocks: first and last
constexpr int kMostLogical = 128;           // an extended partition is a linked list, which may be a ring

using Sector = std::array<unsigned char, kSector>;

/// One of the four entries of a sector with a table; sectors relative as they are written there.
struct Entry {
  unsigned type = 0;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool extended() const { return type == 0x05 || type == 0x0f || type == 0x85; }
};

Entry entry_of(const Sector& sector, std::size_t index) {
  const unsigned char* bytes = &sector[kTableAt + 16 * index];
  return {bytes[4], support::little_endian(bytes + 8, 4), support::little_endian(bytes + 12, 4)};
}

bool has_signature(const Sector& sector) {
  return sector[510] == 0x55 && sector[511] == 0xaa;
}

Sector read_sector(BlockDevice& device, std::uint64_t number) {
  Sector sector{};
  device.read(number * kSector, sector.data(), sector.size());
  return sector;
}

support::Error no_sense(const std::string& name, int number) {
  return invalid(fmt::format("failed to read the partition table of '{}': partition {} lies outside the disk",
                             name, number),
                 "is the image cut short?");
}

Volume volume_of(const BlockDevice& device, const Entry& entry, std::uint64_t start, int number,
                 const std::string& name) {
  const std::uint64_t sectors = device.size() / kSector;
  if (start >= sectors || entry.count > sectors - start)
    throw no_sense(name, number);
  Volume volume;
  volume.number = number;
  volume.partition.type = fmt::format("0x{:02x}", entry.type);
  volume.partition.offset = start * kSector;
  volume.partition.size = entry.count * kSector;
  return volume;
}

/// Each logical partition has a sector of its own with a table: its own place, relative to that sector, and
/// the next such sector, relative to the extended partition.
void add_logical(BlockDevice& device, std::uint64_t extended, const std::string& name,
                 std::vector<Volume>& volumes) {
  std::uint64_t at = extended;
  for (int number = 5; number < 5 + kMostLogical; ++number) {
    if (at >= device.size() / kSector)
      throw no_sense(name, number);
    const Sector sector = read_sector(device, at);
    if (!has_signature(sector))
      return;
    const Entry own = entry_of(sector, 0), next = entry_of(sector, 1);
    if (own.type != 0 && own.count > 0)
      volumes.push_back(volume_of(device, own, at + own.first, number, name));
    if (!next.extended() || next.count == 0 || next.first == 0)
      return;
    at = extended + next.first;
  }
}

/// A master boot record that guards a GUID partition table, or a boot sector of FAT that looks like one?
bool has_mbr(BlockDevice& device, const Sector& sector) {
  if (!has_signature(sector))
    return false;
  bool any = false;
  for (std::size_t i = 0; i < 4; ++i) {
    const unsigned status = sector[kTableAt + 16 * i];
    const Entry entry = entry_of(sector, i);
    if (status != 0 && status != 0x80)
      return false;
    any = any ||
          (entry.type != 0 && entry.count > 0 && entry.first > 0 && entry.first < device.size() / kSector);
  }
  return any;
}

class ProbedCopy {
 public:
  explicit ProbedCopy(std::uint64_t size) : fd_(::memfd_create("volume", MFD_CLOEXEC)) {
    if (fd_ < 0 || ::ftruncate(fd_, static_cast<off_t>(size)) != 0)
      support::throw_errno("make room for a file system's head");
  }
  ~ProbedCopy() { ::close(fd_); }
  ProbedCopy(const ProbedCopy&) = delete;
  ProbedCopy& operator=(const ProbedCopy&) = delete;
  int fd() const { return fd_; }

  void copy(BlockDevice& device, std::uint64_t offset, std::uint64_t at, std::uint64_t size) {
    std::vector<char> bytes(size);
    device.read(offset + at, bytes.data(), bytes.size());
    for (std::size_t done = 0; done < bytes.size();) {
      const auto put = ::pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(at + done));
      if (put < 0)
        support::throw_errno("copy a file system's head");
      done += static_cast<std::size_t>(put);
    }
  }

 private:
  int fd_;
};

struct ProbeRelease {
  void operator()(blkid_probe probe) const { blkid_free_probe(probe); }
};

std::string value_of(blkid_probe probe, const char* name) {
  const char* value = nullptr;
  return blkid_probe_lookup_value(probe, name, &value, nullptr) == 0 && value ? value : "";
}

}  // namespace

const char* to_string(Table table) {
  return table == Table::Gpt ? "gpt" : table == Table::Mbr ? "mbr" : "none";
}

std::vector<Volume> read_mbr(BlockDevice& device, const std::string& name) {
  std::vector<Volume> volumes;
  const Sector sector = read_sector(device, 0);
  for (int i = 0; i < 4; ++i) {
    const Entry entry = entry_of(sector, static_cast<std::size_t>(i));
    if (entry.type == 0 || entry.count == 0)
      continue;
    if (entry.extended())
      add_logical(device, entry.first, name, volumes);
    else
      volumes.push_back(volume_of(device, entry, entry.first, i + 1, name));
  }
  std::sort(volumes.begin(), volumes.end(),
            [](const Volume& a, const Volume& b) { return a.number < b.number; });
  return volumes;
}

/// libblkid wants a descriptor: it gets a sparse copy with the ends only, where every superblock is.
void identify(BlockDevice& device, Volume& volume) {
  const std::uint64_t offset = volume.partition.offset, size = volume.partition.size;
  ProbedCopy copy(size);
  const std::uint64_t head = std::min(size, kEnds);
  copy.copy(device, offset, 0, head);
  if (size > head)
    copy.copy(device, offset, std::max(head, size - kEnds), size - std::max(head, size - kEnds));
  const std::unique_ptr<std::remove_pointer_t<blkid_probe>, ProbeRelease> probe(blkid_new_probe());
  if (!probe || blkid_probe_set_device(probe.get(), copy.fd(), 0, static_cast<blkid_loff_t>(size)) != 0)
    return;
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID);
  if (blkid_do_safeprobe(probe.get()) != 0)
    return;
  volume.filesystem = value_of(probe.get(), "TYPE");
  volume.label = value_of(probe.get(), "LABEL");
  volume.uuid = value_of(probe.get(), "UUID");
}

Layout read_layout(BlockDevice& device, const std::string& name) {
  Layout layout;
  if (device.size() < 2 * kSector)
    throw invalid(fmt::format("'{}' is no disk image: it has {} bytes", name, device.size()));
  const Sector second = read_sector(device, 1);
  if (std::memcmp(second.data(), "EFI PART", 8) == 0) {
    layout.table = Table::Gpt;
    for (auto& partition : read_gpt(device, name)) {
      Volume volume;
      volume.number = partition.number;
      volume.partition = std::move(partition);
      layout.volumes.push_back(std::move(volume));
    }
  } else {
    Volume whole;
    whole.partition.size = device.size();
    identify(device, whole);
    if (whole.filesystem.empty() && has_mbr(device, read_sector(device, 0))) {
      layout.table = Table::Mbr;
      layout.volumes = read_mbr(device, name);
    } else {
      layout.volumes.push_back(std::move(whole));
      return layout;
    }
  }
  for (auto& volume : layout.volumes)
    identify(device, volume);
  return layout;
}

}  // namespace vmimage::disk
