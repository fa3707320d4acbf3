#pragma once
// A root file system of a few files that passes for a Debian with systemd, and disks of every kind with it:
// good enough to be a base, not to boot.

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "disk/root.hpp"
#include "filesystem/block_device.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage {

/// A folder with the system's files.
inline void make_tiny_system(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  const auto put = [&](const std::string& path, const std::string& text, mode_t mode = 0644) {
    fs::create_directories((folder / path).parent_path());
    support::write_file_atomic(folder / path, text, mode);
  };
  put("etc/os-release", "ID=debian\nVERSION_CODENAME=\"bookworm\"\n");
  put("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
  put("etc/group", "root:x:0:\n");
  put("etc/shadow", "root:*:0::::::\n", 0640);
  put("etc/systemd/network/dhcp.network", "[Match]\nType=ether\n[Network]\nDHCP=yes\n");
  put("usr/lib/systemd/systemd", support::read_file("/bin/true"), 0755);
  put("usr/lib/systemd/systemd-networkd", "", 0755);
  put("usr/lib/systemd/system/systemd-networkd.service", "");
  put("usr/lib/modules/6.1.0-stock/modules.dep", "kernel/virtio_net.ko:\nkernel/qemu_fw_cfg.ko:\n");
  put("var/lib/dpkg/status",
      "Package: systemd\nStatus: install ok installed\nVersion: 252\nArchitecture: amd64\n");
  put("usr/bin/su", "setuid\n", 0755);
  ::chmod((folder / "usr/bin/su").c_str(), 04755);
  put("srv/large", std::string(300'000, 'x'));
  for (const char* name : {"bin", "sbin", "lib"})
    fs::create_symlink(std::string("usr/") + name, folder / name);
  fs::create_directories(folder / "usr/sbin");
  fs::create_symlink("../lib/systemd/systemd", folder / "usr/sbin/init");
  fs::create_hard_link(folder / "srv/large", folder / "srv/linked");
  const fs::path wanted = folder / "etc/systemd/system/multi-user.target.wants";
  fs::create_directories(wanted);
  fs::create_symlink("/lib/systemd/system/systemd-networkd.service", wanted / "systemd-networkd.service");
}

/// An ext file system of these files at an offset of a disk, as mke2fs(8) makes it with these options.
inline void make_root(const std::filesystem::path& disk, const std::filesystem::path& tree,
                      std::uint64_t offset, std::uint64_t size, const std::vector<std::string>& options) {
  std::vector<std::string> argv{
      "mke2fs", "-q", "-F", "-d", tree.string(), "-E", fmt::format("offset={}", offset)};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.insert(argv.end(), {disk.string(), fmt::format("{}k", size / 1024)});
  support::run_checked({.argv = argv});
}

/// An empty disk with a partition table as sfdisk(8) writes it; without a script with none.
inline void make_disk(const std::filesystem::path& disk, std::uint64_t size, const std::string& table) {
  support::write_file_atomic(disk, "");
  std::filesystem::resize_file(disk, size);
  if (!table.empty())
    support::run_checked(
        {.argv = {"sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", disk.string()}, .input = table});
}

}  // namespace vmimage
