#include "rootfs/volume.hpp"

#include <fmt/format.h>

#include "guest/guest.hpp"

namespace vmimage::rootfs {

namespace {

constexpr const char* kUnits = "/etc/systemd/system/";
constexpr const char* kService = "vmimage-volumes.service";

}  // namespace

std::string mount_unit_name(const std::string& path) {
  std::string name;
  for (std::size_t i = 1; i < path.size(); ++i) {
    const char c = path[i];
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == ':' || c == '_' || (c == '.' && i > 1);
    if (c == '/')
      name += '-';
    else if (plain)
      name += c;
    else
      name += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return name + ".mount";
}

std::string mount_unit(const recipe::Volume& volume) {
  return fmt::format(R"([Unit]
Description=Volume {path}
DefaultDependencies=no
Requires={service}
After={service}
Before=local-fs.target umount.target
Conflicts=umount.target

[Mount]
What=/run/vmimage/volumes/{label}
Where={path}
Type=ext4

[Install]
RequiredBy=local-fs.target
)",
                     fmt::arg("path", volume.path), fmt::arg("service", kService),
                     fmt::arg("label", volume.label()));
}

void add_volumes(Tree& tree, const recipe::Recipe& recipe) {
  using filesystem::NodeType;
  if (recipe.volumes.empty())
    return;
  std::string list;
  for (const auto& volume : recipe.volumes) {
    const std::string unit = mount_unit_name(volume.path);
    tree[kUnits + unit] = text_node(0644, mount_unit(volume));
    tree[std::string(kUnits) + "local-fs.target.requires/" + unit] = link_node(kUnits + unit);
    list += fmt::format("{} {} {}\n", volume.label(), volume.size, volume.path);
    if (!tree.contains(volume.path))
      tree[volume.path] = {.type = NodeType::Directory,
                           .mode = 0755,
                           .owner = recipe.command.empty() ? "" : recipe.user,
                           .source = {},
                           .content = {}};
  }
  tree["/usr/lib/vmimage/volumes.list"] = text_node(0644, list);
  tree["/usr/lib/vmimage/debian-volumes"] = text_node(0755, std::string(guest::file("debian-volumes")));
  tree[std::string("/usr/lib/systemd/system/") + kService] =
      text_node(0644, std::string(guest::file("debian-volumes.service")));
}

}  // namespace vmimage::rootfs
