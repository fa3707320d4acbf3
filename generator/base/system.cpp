#include "base/system.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#include "base/dpkg.hpp"
#include "base/guest_files.hpp"
#include "guest/guest.hpp"
#include "rootfs/closure.hpp"
#include "support/error.hpp"

namespace vmimage::base {

using filesystem::NodeType;
using inspect::Reader;
using inspect::resolve;
using support::invalid;
using support::json;

namespace {

constexpr const char* kUnits = "/etc/systemd/system";

bool has(const Reader& files, const std::string& path) {
  return !resolve(files, path).empty();
}

std::vector<std::string> names_in(const Reader& files, const std::string& folder) {
  const std::string place = resolve(files, folder);
  if (place.empty() || files.status(place)->type != NodeType::Directory)
    return {};
  return files.list(place);
}

/// Our own, of an image on the base minimal?
bool is_our_busybox(const Reader& files) {
  return inspect::text_of(files, "/etc/inittab").find("/usr/lib/vmimage/service") != std::string::npos;
}

std::string find_init(const Reader& files, const std::string& name) {
  constexpr const char* kHint =
      "a base needs systemd as its init (Debian, Ubuntu: the package systemd-sysv); install it there first";
  const std::string program = resolve(files, "/sbin/init");
  if (program.ends_with("/systemd"))
    return "systemd";
  if (program.ends_with("/busybox") && is_our_busybox(files)) {
    if (has(files, "/usr/lib/vmimage/service"))
      throw invalid(
          fmt::format("failed to use '{}' as base: it is a minimal image with a service already", name),
          "take the base minimal");
    return "busybox";
  }
  if (program.empty() && (has(files, "/usr/lib/systemd/systemd") || has(files, "/lib/systemd/systemd")))
    throw invalid(fmt::format("failed to use '{}' as base: it has systemd, but no /sbin/init", name), kHint);
  if (program.empty())
    throw invalid(
        fmt::format("failed to use '{}' as base: it has no init, neither systemd nor /sbin/init", name),
        kHint);
  const std::string kind = has(files, "/sbin/openrc")   ? " (OpenRC)"
                           : has(files, "/etc/inittab") ? " (SysV)"
                                                        : "";
  throw invalid(fmt::format("failed to use '{}' as base: its init is {}{}, not systemd", name, program, kind),
                kHint);
}

/// What is put in is built for x86-64.
void require_x86_64(const Reader& files, const std::string& program, const std::string& name) {
  std::string head;
  files.read(inspect::entry_of(files, program), [&](std::string_view bytes) {
    head += bytes.substr(0, sizeof(Elf64_Ehdr) - std::min(sizeof(Elf64_Ehdr), head.size()));
  });
  Elf64_Ehdr header{};
  std::memcpy(&header, head.data(), std::min(head.size(), sizeof(header)));
  if (!head.starts_with(ELFMAG))
    throw invalid(fmt::format("failed to use '{}' as base: its init {} is no program", name, program),
                  "it may be damaged; fetch or make it again");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
    throw invalid(fmt::format("failed to use '{}' as base: it is for another kind of processor", name),
                  "take the image for x86-64 (amd64)");
}

std::set<std::string> find_libraries(const Reader& files) {
  std::set<std::string> libraries;
  for (const auto& folder : rootfs::default_library_folders())
    for (const auto& file : names_in(files, folder))
      if (file.find(".so") != std::string::npos)
        libraries.insert(file);
  return libraries;
}

bool is_enabled(const Reader& files, const std::string& unit) {
  const std::vector<std::string> folders = names_in(files, kUnits);
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    const std::string link = std::string(kUnits) + "/" + folder + "/" + unit;
    return folder.ends_with(".wants") && !resolve(files, link, inspect::LastLink::Keep).empty();
  });
}

bool has_file_like(const Reader& files, const std::string& folder, const std::string& ending) {
  const auto names = names_in(files, folder);
  return std::any_of(names.begin(), names.end(), [&](const auto& file) { return file.ends_with(ending); });
}

/// Somebody else sees to it that the first network card gets an address.
bool has_network(const Reader& files) {
  if (is_enabled(files, "NetworkManager.service"))
    return true;
  if (is_enabled(files, "systemd-networkd.service") &&
      (has_file_like(files, "/etc/systemd/network", ".network") ||
       has_file_like(files, "/etc/netplan", ".yaml")))
    return true;
  std::string interfaces = inspect::text_of(files, "/etc/network/interfaces");
  for (const auto& file : names_in(files, "/etc/network/interfaces.d"))
    interfaces += inspect::text_of(files, "/etc/network/interfaces.d/" + file);
  return is_enabled(files, "networking.service") && interfaces.find(" dhcp") != std::string::npos;
}

/// Enables a unit that the system has, at whichever of the two folders it keeps its own.
void enable(rootfs::Tree& tree, const Reader& files, const Enabled& unit) {
  const auto [path, target] = enabling_link(unit);
  const bool apart = !has(files, target) && has(files, "/lib/systemd/system/" + unit.first);
  tree[path] = rootfs::link_node(apart ? "/lib/systemd/system/" + unit.first : target);
}

void add_settings(rootfs::Tree& tree, const Reader& files) {
  if (has(files, settings_files().front().path))
    return;
  for (const auto& file : settings_files())
    tree[file.path] = rootfs::text_node(file.mode, std::string(guest::file(file.name)));
  enable(tree, files, settings_unit());
}

void add_network(System& system, const Reader& files) {
  if (has_network(files))
    return;
  if (!has(files, "/lib/systemd/systemd-networkd") && !has(files, "/usr/lib/systemd/systemd-networkd")) {
    system.warnings.push_back(
        "nothing in it is known to configure the network, and it has no systemd-networkd");
    return;
  }
  const GuestFile& file = network_file();
  system.additions[file.path] = rootfs::text_node(file.mode, std::string(guest::file(file.name)));
  if (!is_enabled(files, network_unit().first))
    enable(system.additions, files, network_unit());
}

/// What a tree that was no machine before has not, or has of another one: its disk is ours.
void add_identity(rootfs::Tree& tree, const Reader& files) {
  tree["/etc/fstab"] =
      rootfs::text_node(0644, "# The kernel mounts the root file system; there is no other.\n");
  tree["/etc/machine-id"] =
      rootfs::text_node(0444, "");  // each instance gets its own when it starts: machine-id(5)
  if (inspect::text_of(files, "/etc/hostname").empty())
    tree["/etc/hostname"] = rootfs::text_node(0644, kHostName);
  if (inspect::text_of(files, "/etc/hosts").empty())
    tree["/etc/hosts"] = rootfs::text_node(0644, kHosts);
  const bool resolved =
      has(files, "/lib/systemd/systemd-resolved") || has(files, "/usr/lib/systemd/systemd-resolved");
  const auto link = files.status("/etc/resolv.conf");
  if (resolved && !(link && link->type == NodeType::Symlink)) {
    // What is there is of the machine or the container that the tree was packed on.
    tree["/etc/resolv.conf"] = rootfs::link_node(kResolvConf);
    if (!is_enabled(files, resolved_unit().first))
      enable(tree, files, resolved_unit());
  }
}

/// Drivers that an instance here needs, and the one that brings the settings.
void check_kernel(System& system, const Reader& files) {
  if (system.kernel_version.empty()) {
    system.warnings.push_back("it has no kernel modules, so that its kernel is not known");
    return;
  }
  const std::string folder = "/lib/modules/" + system.kernel_version + "/";
  const std::string drivers =
      inspect::text_of(files, folder + "modules.dep") + inspect::text_of(files, folder + "modules.builtin");
  for (const auto& [driver, loss] :
       {std::pair("virtio_net", "it has no network in QEMU"),
        std::pair("qemu_fw_cfg", "settings (--env) do not reach its service in QEMU")})
    if (drivers.find(fmt::format("/{}.ko", driver)) == std::string::npos)
      system.warnings.push_back(
          fmt::format("its kernel {} has no driver {}: {}", system.kernel_version, driver, loss));
}

void check_labels(System& system, const Reader& files) {
  if (inspect::text_of(files, "/etc/selinux/config").find("\nSELINUX=enforcing") != std::string::npos)
    system.warnings.push_back(
        "it enforces SELinux, and what goes in has no labels: relabel it when it boots");
}

}  // namespace

std::string suite_of_release(const std::string& os_release) {
  std::string id, version, codename;
  std::istringstream lines(os_release);
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos)
      continue;
    std::string value = line.substr(equals + 1);
    std::erase_if(value, [](char c) { return c == '"' || c == '\'' || c == '\r'; });
    const std::string key = line.substr(0, equals);
    (key == "ID" ? id : key == "VERSION_ID" ? version : key == "VERSION_CODENAME" ? codename : line) = value;
  }
  if (!codename.empty())
    return codename;
  return id.empty() ? "an unknown system" : version.empty() ? id : id + " " + version;
}

std::string newest(const std::vector<std::string>& versions) {
  const auto latest = std::max_element(
      versions.begin(), versions.end(),
      [](const std::string& a, const std::string& b) { return ::strverscmp(a.c_str(), b.c_str()) < 0; });
  return latest == versions.end() ? "" : *latest;
}

System look_at(const Reader& files, KernelOf kernel, const std::string& name) {
  System system;
  system.init = find_init(files, name);
  require_x86_64(files, resolve(files, "/sbin/init"), name);
  std::string release = inspect::text_of(files, "/etc/os-release");
  if (release.empty())
    release = inspect::text_of(files, "/usr/lib/os-release");
  system.suite = suite_of_release(release);
  system.packages = parse_status(inspect::text_of(files, "/var/lib/dpkg/status"));
  system.libraries = find_libraries(files);
  if (kernel == KernelOf::Itself)
    system.kernel_version = newest(names_in(files, "/lib/modules"));
  if (system.init == "busybox")
    return system;
  add_settings(system.additions, files);
  add_network(system, files);
  check_labels(system, files);
  if (kernel == KernelOf::Kit)
    add_identity(system.additions, files);
  else
    check_kernel(system, files);
  return system;
}

json to_json(const System& system) {
  json packages = json::array(), additions = json::array();
  for (const auto& package : system.packages)
    packages.push_back({package.name, package.version, package.architecture, package.license});
  for (const auto& [path, node] : system.additions)
    additions.push_back({path, node.type == NodeType::Symlink, node.mode,
                         json::array_t(node.content.begin(), node.content.end())});
  return {{"init", system.init},           {"suite", system.suite}, {"kernel_version", system.kernel_version},
          {"libraries", system.libraries}, {"packages", packages},  {"additions", additions},
          {"warnings", system.warnings}};
}

System parse_system(const json& document) {
  System system;
  system.init = document.at("init");
  system.suite = document.at("suite");
  system.kernel_version = document.at("kernel_version");
  system.libraries = document.at("libraries");
  system.warnings = document.at("warnings");
  for (const auto& package : document.at("packages"))
    system.packages.push_back({package.at(0), package.at(1), package.at(2), package.at(3)});
  for (const auto& node : document.at("additions")) {
    const bool link = node.at(1);
    std::string content;  // among them are programs, which are no text that JSON could hold
    for (const auto& byte : node.at(3))
      content += static_cast<char>(byte.get<int>());
    system.additions[node.at(0)] = link ? rootfs::link_node(content) : rootfs::text_node(node.at(2), content);
  }
  return system;
}

}  // namespace vmimage::base
