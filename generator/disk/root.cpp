#include "disk/root.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "filesystem/block_device.hpp"
#include "filesystem/ext4.hpp"
#include "support/error.hpp"

namespace vmimage::disk {

using support::invalid;

namespace {

/// Partition types of the Discoverable Partitions Specification, and file systems' or partitions' labels.
bool is_named_root(const Volume& volume) {
  return volume.partition.name == "root" || volume.label == "root" || volume.label.ends_with("-rootfs");
}

/// os-release(5), and the names of an init system that the kernel and initrds look for.
bool holds_system(filesystem::BlockDevice& device, const Volume& volume) {
  try {
    const filesystem::Ext4 files(device, volume.partition.offset, filesystem::Ext4::Access::Read);
    for (const char* path : {"/etc/os-release", "/usr/lib/os-release", "/sbin/init", "/usr/sbin/init",
                             "/init", "/lib/systemd/systemd", "/usr/lib/systemd/systemd"})
      if (files.status(path))
        return true;
  } catch (const support::Error& error) {
    if (error.kind() == support::ErrorKind::Interrupted)
      throw;
  }
  return false;
}

std::string describe(const Volume& volume) {
  const std::string place =
      volume.number == 0 ? "the whole disk" : fmt::format("partition {}", volume.number);
  const std::string content = volume.filesystem.empty() ? "no known file system" : volume.filesystem;
  return volume.label.empty() ? fmt::format("{} ({})", place, content)
                              : fmt::format("{} ({}, '{}')", place, content, volume.label);
}

}  // namespace

bool is_ext(const Volume& volume) {
  return volume.filesystem == "ext4" || volume.filesystem == "ext3" || volume.filesystem == "ext2";
}

std::string describe(const Layout& layout) {
  std::vector<std::string> parts;
  for (const auto& volume : layout.volumes)
    parts.push_back(describe(volume));
  return parts.empty() ? "no partitions" : fmt::format("{}", fmt::join(parts, ", "));
}

const Volume& find_root(filesystem::BlockDevice& device, const Layout& layout, const std::string& name) {
  for (const auto& volume : layout.volumes)
    if (volume.partition.type == kRootX8664Type) {
      if (is_ext(volume))
        return volume;
      throw invalid(
          fmt::format("failed to read the root file system of '{}': {}, not ext4", name, describe(volume)),
          "only ext4 (and ext2, ext3) is read");
    }
  for (const auto& volume : layout.volumes)
    if (is_ext(volume) && is_named_root(volume))
      return volume;
  for (const auto& volume : layout.volumes)
    if (is_ext(volume) && holds_system(device, volume))
      return volume;
  if (layout.table == Table::None && layout.volumes.front().filesystem.empty())
    throw invalid(
        fmt::format("'{}' is no disk image: it has neither a partition table nor a file system", name),
        "check the path; it may be cut short or encrypted");
  throw invalid(fmt::format("failed to find the root file system of '{}': it has {}", name, describe(layout)),
                "an ext4 file system with /etc/os-release or an init in it is needed");
}

const Volume& find_volume(const Layout& layout, int number, const std::string& name) {
  for (const auto& volume : layout.volumes)
    if (volume.number == number)
      return volume;
  throw invalid(fmt::format("'{}' has no partition {}", name, number),
                fmt::format("it has {}", describe(layout)));
}

}  // namespace vmimage::disk
