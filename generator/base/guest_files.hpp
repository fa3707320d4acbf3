#pragma once
// What an image with systemd has from us, whatever distribution it is of: the way that a deployment's
// settings take into the service, a network, and the kit's kernel modules.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/kit.hpp"
#include "filesystem/ext4.hpp"

namespace vmimage::base {

struct GuestFile {
  const char* name;  ///< in guest/files
  const char* path;  ///< in the image
  std::uint32_t mode;
};

/// A unit, and the target that wants it: systemctl(1) "enable".
using Enabled = std::pair<std::string, std::string>;

/// Settings: the programs, their unit, and what starts it.
const std::vector<GuestFile>& settings_files();
const Enabled& settings_unit();

/// Network by DHCP on every Ethernet card, for systemd-networkd.
const GuestFile& network_file();
const Enabled& network_unit();

/// What a machine that is not known by name has in /etc/hostname and /etc/hosts.
inline constexpr const char* kHostName = "localhost\n";
inline constexpr const char* kHosts = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";

/// systemd-resolved: its unit, and what /etc/resolv.conf points to then.
const Enabled& resolved_unit();
inline constexpr const char* kResolvConf = "/run/systemd/resolve/resolv.conf";

/// Where systemctl enable would put its link, and what the link says.
std::pair<std::string, std::string> enabling_link(const Enabled& enabled);

/// The kernel's modules, where kmod looks for them: modules.dep(5).
void write_modules(filesystem::Ext4& root, const Kit& kit);

}  // namespace vmimage::base
