#include "format/check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "disk/gpt.hpp"
#include "format/output.hpp"
#include "format/unpack.hpp"
#include "support/error.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmimage::format {

using disk::kSector;
using support::invalid;

namespace {

constexpr const char* kIncomplete = "it may be incomplete; fetch or make it again";

/// Where the partition table says that the disk ends, in sectors; 0 when it does not say.
std::uint64_t told_end(filesystem::BlockDevice& disk) {
  std::string sectors(2 * kSector, '\0');
  if (disk.size() < sectors.size())
    return 0;
  disk.read(0, sectors.data(), sectors.size());
  if (std::string_view(sectors).substr(kSector, 8) == "EFI PART")
    return get_little<std::uint64_t>(sectors, kSector + 32) + 1;  // behind the backup table
  std::uint64_t end = 0;
  if (std::string_view(sectors).substr(510, 2) == "\x55\xaa")
    for (std::size_t entry = 446; entry < 510; entry += 16) {
      const auto status = static_cast<unsigned char>(sectors[entry]);
      if ((status & 0x7f) != 0)
        return 0;  // a boot sector that is no partition table
      if (sectors[entry + 4] != '\0')
        end = std::max<std::uint64_t>(end, std::uint64_t{get_little<std::uint32_t>(sectors, entry + 8)} +
                                               get_little<std::uint32_t>(sectors, entry + 12));
    }
  return end;
}

void require_known(const Source& source) {
  const auto info = support::parse_json(
      support::run_checked({.argv = {"qemu-img", "info", "--output=json", source.file.string()}}),
      "qemu-img");
  if (info.value("format", "raw") == "raw")
    throw invalid(fmt::format("'{}' is no disk image: it has neither a known format nor a boot sector",
                              source.image.string()),
                  "give an image of a disk");
}

/// qemu-img does not look whether the blocks of a VDI are there (VDIHEADER1PLUS of VirtualBox's VDICore.h).
void check_vdi_length(const Source& source) {
  filesystem::RawFile file(source.file, filesystem::DeviceAccess::Read);
  std::string header(512, '\0');
  file.read(0, header.data(), header.size());
  const std::uint64_t blocks = get_little<std::uint32_t>(header, 0x184);
  if (file.size() <
      get_little<std::uint32_t>(header, 0x158) + blocks * get_little<std::uint32_t>(header, 0x178))
    throw invalid(fmt::format("'{}' is cut off: blocks of the disk are missing", source.image.string()),
                  kIncomplete);
}

void check_tables(const Source& source) {
  // A reader takes what is behind the end of a file for zeroes; only this looks whether something should be
  // there.
  const auto result =
      support::run({.argv = {"qemu-img", "check", "-q", "-f", source.driver, source.file.string()}});
  constexpr int kDamaged = 2, kCheckFailed = 1;  // qemu-img(1); 3: only room is lost; 63: cannot check
  if (result.exit_status == kDamaged || result.exit_status == kCheckFailed)
    throw invalid(fmt::format("'{}' is damaged: qemu-img check finds errors in it", source.image.string()),
                  kIncomplete);
}

}  // namespace

std::unique_ptr<filesystem::BlockDevice> open_checked(const Source& source) {
  const std::string name = source.image.string();
  if (source.format.empty())
    require_known(source);
  if (source.format == "ova")
    check_digests(source.image);
  else if (source.driver == "qcow2" || source.driver == "vdi" || source.driver == "vhdx" ||
           source.driver == "vmdk")
    check_tables(source);
  if (source.driver == "vdi")
    check_vdi_length(source);
  auto disk = open_image(source);
  const std::uint64_t end = told_end(*disk);
  if (end > (disk->size() + kSector - 1) / kSector)
    throw invalid(fmt::format("'{}' is cut off: its partition table is for a disk of {} bytes, it has {}",
                              name, end * kSector, disk->size()),
                  kIncomplete);
  return disk;
}

}  // namespace vmimage::format
