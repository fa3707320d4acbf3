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

/// Of an installation, and of no use after it; most of it has times in it. What was there before stays.
bool is_trace(const std::string& path) {
  static const std::vector<std::string> folders{"/dev/",           "/proc/",
                                                "/sys/",           "/run/",
                                                "/tmp/",           "/var/cache/apt/",
                                                "/var/log/apt/",   "/var/lib/apt/lists/",
                                                "/var/cache/man/", "/var/cache/debconf/"};
  static const std::vector<std::string> files{"/var/cache/ldconfig/aux-cache", "/var/log/dpkg.log",
                                              "/var/log/alternatives.log", "/var/lib/dpkg/lock",
                                              "/var/lib/dpkg/lock-frontend"};
  return std::any_of(folders.begin(), folders.end(),
                     [&](const auto& folder) { return path.starts_with(folder); }) ||
         std::find(files.begin(), files.end(), path) != files.end() ||
         (path.starts_with("/var/lib/dpkg/") && path.ends_with("-old"));
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

std::vector<std::string> write_changes(Ext4& root, const std::filesystem::path& tar,
                                       const std::vector<std::string>& removed) {
  for (const auto& path : removed)
    root.remove(path);
  std::vector<std::string> came;
  support::read_tar(tar, [&](support::ArchiveEntry& entry) {
    if (entry.path() == "/" || is_trace(entry.path()))
      return;
    write_entry(root, entry);
    if ((entry.mode() & 0170000) != 0040000)
      came.push_back(entry.path());
  });
  return came;
}

}  // namespace vmimage::rootfs
