#include "base/kit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/apt.hpp"
#include "disk/uki.hpp"
#include "guest/guest.hpp"
#include "license/copyright.hpp"
#include "support/archive.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::base {

using support::failure;
using support::run_checked;
namespace fs = std::filesystem;

namespace {

constexpr const char* kKitVersion = "10";  // raise when the kit's content changes shape

constexpr char kKernelPrefix[] = "linux-image-";

// What the initrd may need to reach a disk; what they depend on goes along. A kernel has some of them built
// in, and the cloud kernel has no AHCI and no IDE at all.
const std::vector<std::string> kInitrdModules{"virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod",
                                              "nvme",       "vmw_pvscsi", "ext4",        "crc32c_generic",
                                              "ahci",       "ata_piix",   "hv_storvsc"};

// Network cards of emulated machines, EC2, Azure and Google's clouds, others are virtio's; the device that is
// told when a kernel panics; and what OpenStack's config drive is read with.
const std::vector<std::string> kCards{"vmxnet3", "e1000",       "ena",       "gve",      "hv_netvsc",
                                      "pvpanic", "pvpanic-pci", "cdrom",     "sr_mod",   "isofs",
                                      "fat",     "vfat",        "nls_cp437", "nls_ascii"};

/// Newer suites ship under /usr what older ones had at the root.
fs::path merged(const fs::path& tree, const fs::path& path) {
  return fs::exists(tree / "usr" / path) ? tree / "usr" / path : tree / path;
}

using Modules = std::map<std::string, std::string>;  ///< content by name, with _ for -

/// A kernel's modules, by name with _ for -, as modprobe takes them.
class ModuleTree {
 public:
  explicit ModuleTree(const fs::path& tree) {
    for (const auto& file : fs::recursive_directory_iterator(tree)) {
      const std::string name = file.path().filename().string();
      if (const auto end = name.find(".ko"); end != std::string::npos)
        files_[plain(name.substr(0, end))] = file.path();
    }
  }

  bool has(const std::string& name) const { return files_.contains(plain(name)); }

  /// As insmod of busybox takes it: newer suites compress theirs.
  std::string content(const std::string& name) const {
    const fs::path& file = files_.at(plain(name));
    if (file.extension() == ".xz")
      return run_checked({.argv = {"xz", "--decompress", "--stdout", file.string()}});
    if (file.extension() == ".zst")
      return run_checked({.argv = {"zstd", "--decompress", "--stdout", "--quiet", file.string()}});
    return support::read_file(file);
  }

  /// The module and what it depends on, in the order in which they are loaded; none when it is built in, or
  /// unknown to this kernel.
  void load_order(const std::string& name, Modules& loaded, std::vector<std::string>& order) const {
    if (!has(name) || std::find(order.begin(), order.end(), name) != order.end())
      return;
    const std::string& module = loaded.try_emplace(name, content(name)).first->second;
    for (const auto& needed : depends(module))
      load_order(needed, loaded, order);
    order.push_back(name);
  }

 private:
  static std::string plain(std::string name) {
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
  }

  /// What modpost writes into the section .modinfo (modinfo(8), "depends").
  static std::vector<std::string> depends(const std::string& module) {
    const std::string key("\0depends=", 9);
    const auto at = module.find(key);
    std::vector<std::string> names;
    if (at == std::string::npos)
      return names;
    std::istringstream list(std::string(module.c_str() + at + key.size()));
    for (std::string name; std::getline(list, name, ',');)
      names.push_back(plain(name));
    return names;
  }

  std::map<std::string, fs::path> files_;
};

/// The modules of these names, without those that are built into this kernel.
std::vector<std::pair<std::string, std::string>> load_modules(const ModuleTree& tree,
                                                              const std::string& built_in,
                                                              const std::vector<std::string>& names) {
  std::vector<std::pair<std::string, std::string>> modules;
  for (const auto& name : names) {
    if (tree.has(name))
      modules.emplace_back(name, tree.content(name));
    else if (built_in.find("/" + name + ".ko\n") == std::string::npos)
      throw failure("failed to find the kernel module '" + name + "' in the kernel package");
  }
  return modules;
}

std::string make_initrd(const ModuleTree& tree, const fs::path& busybox) {
  std::vector<support::Member> members;
  for (const char* folder : {"bin", "dev", "lib", "proc", "root", "sys"})
    members.push_back({.path = folder, .mode = 040755, .content = {}});
  // The kernel opens the console before devtmpfs is there.
  members.push_back({.path = "dev/console", .mode = 020600, .content = {}, .major = 5, .minor = 1});
  members.push_back({.path = "bin/busybox", .mode = 0100755, .content = support::read_file(busybox)});
  members.push_back({.path = "init", .mode = 0100755, .content = std::string(guest::file("initrd-init"))});
  members.push_back({.path = "bin/grow", .mode = 0100755, .content = std::string(guest::file("grow"))});
  Modules loaded;
  for (const auto& name : kInitrdModules) {
    std::vector<std::string> order;
    tree.load_order(name, loaded, order);
    members.push_back({.path = "lib/" + name, .content = fmt::format("{}\n", fmt::join(order, " "))});
  }
  for (const auto& [name, content] : loaded)
    members.push_back({.path = "lib/" + name + ".ko", .content = content});
  return support::write_cpio(members);
}

/// GRUB's second stage for BIOS. Its built-in script reads kernel and initrd out of the unified kernel image
/// on the EFI system partition, through a loopback device and block lists (GRUB manual, "Block list syntax"),
/// so that the kernel is on the disk once.
void make_grub_core(const fs::path& grub_modules, const fs::path& uki, const fs::path& output) {
  const auto sections = disk::parse_pe(support::read_file(uki), uki.string());
  const auto blocks = [&](const char* name) {
    const auto& section = disk::pe_section(sections, name, uki.string());
    if (section.offset % 512 != 0)
      throw failure(
          fmt::format("failed to use the section '{}' of the kernel image: it is not aligned", name));
    return fmt::format("(uki){}+{}", section.offset / 512, (section.size + 511) / 512);
  };
  const support::TempDir work;
  support::write_file_atomic(work.path() / "grub.cfg",
                             fmt::format("loopback uki /EFI/BOOT/BOOTX64.EFI\nlinux {} {}\ninitrd {}\nboot\n",
                                         blocks(".linux"), kernel_command_line(), blocks(".initrd")));
  run_checked({.argv = {"grub-mkimage", "-O", "i386-pc", "-d", grub_modules.string(), "-o", output.string(),
                        "-p", "(,gpt2)/", "-c", (work.path() / "grub.cfg").string(), "biosdisk", "part_gpt",
                        "fat", "loopback", "linux", "boot"}});
}

/// The full set for the init systems that load by name: compressed, because most of it is never read.
void make_module_tree(const fs::path& modules, const std::string& version, const fs::path& output) {
  const fs::path target = output / "lib/modules" / version;
  fs::create_directories(target.parent_path());
  fs::copy(modules, target, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  std::vector<std::string> files;
  for (const auto& file : fs::recursive_directory_iterator(target))
    if (file.path().extension() == ".ko")
      files.push_back(file.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> argv{"zstd", "-q", "-10", "-T0", "--rm"};
  argv.insert(argv.end(), files.begin(), files.end());
  if (!files.empty())
    run_checked({.argv = argv});
  run_checked({.argv = {"depmod", "-b", output.string(), version}});
}

/// The package that has the kernel; the one that only depends on the newest has no version in its name.
const recipe::Pin& kernel_of(const std::vector<recipe::Pin>& pins) {
  const auto kernel = std::find_if(pins.begin(), pins.end(), [](const recipe::Pin& pin) {
    return pin.name.starts_with(kKernelPrefix) && pin.name.size() > std::size(kKernelPrefix) &&
           std::isdigit(static_cast<unsigned char>(pin.name[std::size(kKernelPrefix) - 1]));
  });
  if (kernel == pins.end())
    throw support::invalid("failed to find a kernel among the packages for booting",
                           "make the lock again: vmimage base lock");
  return *kernel;
}

std::string license_of(const std::string& package, const fs::path& tree) {
  const fs::path file = tree / "usr/share/doc" / package / "copyright";
  return fs::is_regular_file(file) ? license::expression_of(package, support::read_file(file))
                                   : license::kUnknown;
}

/// Few machines need one, so it is kept small: insmod of busybox unpacks what gzip has packed, whatever its
/// name.
std::string packed(const std::string& module) {
  return run_checked({.argv = {"gzip", "--best", "--no-name"}, .input = module});
}

void make_kit(const std::vector<recipe::Pin>& pins, const std::vector<fs::path>& debs,
              const fs::path& folder) {
  const support::TempDir work;
  const std::string kernel_package = kernel_of(pins).name;
  const fs::path tree = work.path() / "tree";
  support::json packages = support::json::array();
  for (std::size_t i = 0; i < pins.size(); ++i) {
    deb_extract(debs[i], tree);
    packages.push_back({{"name", pins[i].name},
                        {"version", pins[i].version},
                        {"architecture", pins[i].architecture},
                        {"license", license_of(pins[i].name, tree)}});
  }
  const std::string version = kernel_package.substr(std::string(kKernelPrefix).size());
  const fs::path modules = merged(tree, fs::path("lib/modules") / version);
  fs::copy(tree / "boot" / ("vmlinuz-" + version), folder / "vmlinuz");
  fs::copy(merged(tree, "bin/busybox"), folder / "busybox");
  fs::copy(tree / "usr/lib/grub/i386-pc/boot.img", folder / "boot.img");
  const ModuleTree all(modules);
  support::write_file_atomic(folder / "initrd", make_initrd(all, folder / "busybox"));
  fs::create_directory(folder / "plain");
  for (const auto& [name, content] :
       load_modules(all, support::read_file(modules / "modules.builtin"), minimal_modules()))
    support::write_file_atomic(folder / "plain" / (name + ".ko"), content);
  fs::create_directory(folder / "cards");
  for (const auto& name : kCards)
    if (all.has(name))
      support::write_file_atomic(folder / "cards" / (name + ".ko"), packed(all.content(name)));
  disk::write_uki({.stub = tree / "usr/lib/systemd/boot/efi/linuxx64.efi.stub",
                   .kernel = folder / "vmlinuz",
                   .initrd = folder / "initrd",
                   .command_line = kernel_command_line(),
                   .os_release = fmt::format("ID=vmimage\nNAME=VMImage\nVERSION_ID={}\n", version)},
                  folder / "uki.efi");
  make_grub_core(tree / "usr/lib/grub/i386-pc", folder / "uki.efi", folder / "core.img");
  make_module_tree(modules, version, folder / "modules");
  const support::json description{{"version", kKitVersion},
                                  {"kernel_version", version},
                                  {"packages", packages},
                                  {"uki_sha256", support::sha256_file(folder / "uki.efi")},
                                  {"grub_sha256", support::sha256_file(folder / "core.img")}};
  support::write_file_atomic(folder / "kit.json", description.dump(2));
}

}  // namespace

std::string kernel_command_line() {
  // no_timer_check: software emulation on a busy host delivers the timer late, and the kernel would panic
  // over that ("IO-APIC + timer doesn't work"); on KVM it leaves the check out by itself. cryptomgr.notests:
  // ciphers are not tested at every boot whether they give what they gave when the kernel was released.
  return "root=PARTLABEL=root rootfstype=ext4 rw console=tty0 console=ttyS0,115200 quiet net.ifnames=0 "
         "panic=10 no_timer_check cryptomgr.notests";
}

const std::vector<std::string>& minimal_modules() {
  static const std::vector<std::string> names{"failover",    "net_failover", "virtio_net", "virtio-rng",
                                              "qemu_fw_cfg", "button",       "evdev"};
  return names;
}

std::vector<std::string> minimal_cards(const Kit& kit) {
  std::vector<std::string> names;
  for (const auto& name : kCards)
    if (fs::exists(kit.cards() / (name + ".ko")))
      names.push_back(name);
  return names;
}

const std::vector<std::string>& kit_packages(const std::string& vendor, const std::string& kernel) {
  const auto with = [](const char* image) {
    return std::vector<std::string>{image, "busybox-static", "systemd-boot-efi", "grub-pc-bin"};
  };
  static const auto debian = with("linux-image-cloud-amd64>linux-image-");
  static const auto debian_generic = with("linux-image-amd64>linux-image-");
  // There the modules are a package of their own.
  static const auto ubuntu = with("linux-image-virtual>linux-image->linux-modules-");
  static const auto ubuntu_generic = with("linux-image-generic>linux-image->linux-modules-");
  if (vendor == "ubuntu")
    return kernel == "generic" ? ubuntu_generic : ubuntu;
  return kernel == "generic" ? debian_generic : debian;
}

std::string kit_key(const std::vector<recipe::Pin>& pins) {
  support::Digest digest;
  digest.add(kKitVersion).add(kernel_command_line()).add(guest::file("initrd-init")).add(guest::file("grow"));
  for (const auto& pin : pins)
    digest.add(pin.name).add(pin.version).add(pin.sha256);
  return digest.hex();
}

Kit boot_kit(const cache::Cache& cache, const Packages& packages, const Progress& progress) {
  const std::vector<recipe::Pin> pins = packages.boot(kit_packages(packages.vendor(), packages.kernel()));
  Kit kit;
  const auto make = [&](const fs::path& folder) {
    const std::vector<fs::path> debs = packages.fetch(pins, progress);
    progress("kernel and boot loaders");
    make_kit(pins, debs, folder);
  };
  kit.folder = cache.entry("kit", kit_key(pins), make, {"kit.json"});  // the rest when a disk is made of it
  const std::string text = support::read_file(kit.folder / "kit.json");
  const auto description = support::parse_json(text, "kit.json");
  // The versions of its packages and of how it is made, the digests of what it boots.
  kit.digest = support::sha256(text);
  kit.kernel_version = description.at("kernel_version");
  for (const auto& package : description.at("packages"))
    kit.packages.push_back({package.at("name"), package.at("version"), package.at("architecture"),
                            package.value("license", license::kUnknown)});
  return kit;
}

}  // namespace vmimage::base
