#include "rootfs/tarball.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "support/archive.hpp"

namespace vmimage::rootfs {

using filesystem::Attributes;
using filesystem::Ext4;
using filesystem::NodeType;

namespace {

bool left_out(const std::string& path) {
  static const std::vector<std::string> folders{
      "/dev/",        "/proc/", "/sys/", "/run/", "/tmp/", "/var/cache/apt/", "/var/lib/apt/lists/",
      "/var/log/apt/"};
  return std::any_of(folders.begin(), folders.end(),
                     [&](const auto& folder) { return path.starts_with(folder); });
}

void write_entry(Ext4& root, support::ArchiveEntry& entry) {
  const std::string path = entry.path();
  const Attributes attributes{.mode = entry.mode() & 07777u, .uid = entry.uid(), .gid = entry.gid()};
  if (const std::string target = entry.hardlink(); !target.empty()) {
    root.link(target, path);
    return;
  }
  switch (entry.mode() & 0170000) {
    case 0040000:
      root.make_directory(path, attributes);
      break;
    case 0120000:
      root.make_symlink(path, entry.symlink(), attributes);
      break;
    case 0100000:
      root.write_file(path, attributes, entry.size(), [&] { return entry.next_block(); });
      break;
    case 0010000:
      root.make_node(path, NodeType::Fifo, attributes);
      break;
    default:
      return;  // devices are devtmpfs's matter; sockets belong to who listens
  }
  for (const auto& [name, value] : entry.xattrs())
    if (!name.starts_with("system."))  // access control lists: tmpfiles.d(5) sets the few that there are
      root.set_xattr(path, name, value);
}

}  // namespace

void write_tar(Ext4& root, const std::filesystem::path& tar) {
  support::read_tar(tar, [&](support::ArchiveEntry& entry) {
    if (!left_out(entry.path()))
      write_entry(root, entry);
  });
  for (const char* folder : {"/dev", "/proc", "/run", "/sys"})  // mount points
    root.make_directory(folder, {.mode = 0755});
  root.make_directory("/tmp", {.mode = 01777});
}

}  // namespace vmimage::rootfs
