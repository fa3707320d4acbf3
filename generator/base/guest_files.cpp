#include "base/guest_files.hpp"

#include <algorithm>
#include <filesystem>

#include "support/file.hpp"

namespace vmimage::base {

namespace fs = std::filesystem;

const std::vector<GuestFile>& settings_files() {
  static const std::vector<GuestFile> files{
      {"settings", "/usr/lib/vmimage/settings", 0755},
      {"metadata", "/usr/lib/vmimage/metadata", 0755},
      {"debian-settings", "/usr/lib/vmimage/debian-settings", 0755},
      {"debian-settings.service", "/usr/lib/systemd/system/vmimage-settings.service", 0644}};
  return files;
}

const Enabled& settings_unit() {
  static const Enabled unit{"vmimage-settings.service", "sysinit.target"};
  return unit;
}

const GuestFile& network_file() {
  static const GuestFile file{"debian-network", "/etc/systemd/network/80-vmimage.network", 0644};
  return file;
}

const Enabled& network_unit() {
  static const Enabled unit{"systemd-networkd.service", "multi-user.target"};
  return unit;
}

const Enabled& resolved_unit() {
  static const Enabled unit{"systemd-resolved.service", "multi-user.target"};
  return unit;
}

std::pair<std::string, std::string> enabling_link(const Enabled& enabled) {
  const auto& [unit, target] = enabled;
  return {"/etc/systemd/system/" + target + ".wants/" + unit, "/usr/lib/systemd/system/" + unit};
}

void write_modules(filesystem::Ext4& root, const Kit& kit) {
  const fs::path source = kit.modules() / "lib";
  std::vector<fs::path> files;
  for (const auto& file : fs::recursive_directory_iterator(source))
    if (file.is_regular_file())
      files.push_back(file.path());
  std::sort(files.begin(), files.end());
  // Before /usr was merged, /lib was a folder of its own.
  const auto lib = root.status("/lib");
  const bool apart = lib && lib->type == filesystem::NodeType::Directory;
  const std::string folder = apart ? "/lib/" : "/usr/lib/";
  for (const auto& file : files)
    root.write_file(folder + fs::relative(file, source).string(), {.mode = 0644}, support::read_file(file));
}

}  // namespace vmimage::base
