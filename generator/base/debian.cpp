// The base of Debian and Ubuntu: systemd and what a black-box service needs, installed by mmdebstrap(1)
// without root. What an image has no use for (documentation, gettys, timers of interactive systems) is left
// out or masked.

#include <fmt/format.h>

#include <algorithm>

#include "base/base.hpp"
#include "base/bootstrap.hpp"
#include "base/guest_files.hpp"
#include "base/pinning.hpp"
#include "guest/guest.hpp"
#include "rootfs/tarball.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmimage::base {

using filesystem::Ext4;
using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr const char* kDebianVersion = "2";  // raise when the same packages give another tree
constexpr std::uint64_t kDefaultDisk = 2ull << 30;

const std::vector<std::string> kPackages{"base-files",
                                         "base-passwd",
                                         "bash",
                                         "ca-certificates",
                                         "coreutils",
                                         "dash",
                                         "dbus",
                                         "debianutils",
                                         "diffutils",
                                         "dpkg",
                                         "findutils",
                                         "grep",
                                         "gzip",
                                         "hostname",
                                         "init-system-helpers",
                                         "iproute2",
                                         "kmod",
                                         "libc-bin",
                                         "libnss-systemd",
                                         "login",
                                         "mount",
                                         "netbase",
                                         "passwd",
                                         "perl-base",
                                         "procps",
                                         "sed",
                                         "systemd",
                                         "systemd-resolved",
                                         "systemd-sysv",
                                         "tar",
                                         "tzdata",
                                         "udev",
                                         "usr-is-merged",
                                         "util-linux"};

// dpkg(1) --path-exclude. Copyright files stay: they are the packages' licences.
const std::vector<std::string> kPathFilters{"path-exclude=/usr/share/doc/*",
                                            "path-include=/usr/share/doc/*/copyright",
                                            "path-exclude=/usr/share/man/*",
                                            "path-exclude=/usr/share/info/*",
                                            "path-exclude=/usr/share/locale/*",
                                            "path-exclude=/usr/share/lintian/*",
                                            "path-exclude=/usr/share/bash-completion/*",
                                            "path-exclude=/usr/share/zsh/*",
                                            "path-exclude=/usr/lib/udev/hwdb.d/*",
                                            "path-exclude=/lib/udev/hwdb.d/*",
                                            "path-exclude=/usr/lib/systemd/catalog/*",
                                            "path-exclude=/boot/*"};

// Units that a service's virtual machine has no use for; each costs time at boot.
const std::vector<std::string> kMasked{"apt-daily-upgrade.timer",
                                       "apt-daily.timer",
                                       "console-getty.service",
                                       "dev-hugepages.mount",
                                       "dev-mqueue.mount",
                                       "dpkg-db-backup.timer",
                                       "e2scrub_all.timer",
                                       "e2scrub_reap.service",
                                       "fstrim.timer",
                                       "getty-static.service",
                                       "getty.target",
                                       "kmod-static-nodes.service",
                                       "ldconfig.service",
                                       "modprobe@configfs.service",
                                       "modprobe@drm.service",
                                       "modprobe@efi_pstore.service",
                                       "modprobe@fuse.service",
                                       "proc-sys-fs-binfmt_misc.automount",
                                       "remote-fs.target",
                                       "sys-fs-fuse-connections.mount",
                                       "sys-kernel-config.mount",
                                       "sys-kernel-debug.mount",
                                       "sys-kernel-tracing.mount",
                                       "systemd-ask-password-console.path",
                                       "systemd-ask-password-wall.path",
                                       "systemd-binfmt.service",
                                       "systemd-boot-system-token.service",
                                       "systemd-firstboot.service",
                                       "systemd-hwdb-update.service",
                                       "systemd-initctl.socket",
                                       "systemd-journal-catalog-update.service",
                                       "systemd-journal-flush.service",
                                       "systemd-journald-audit.socket",
                                       "systemd-machine-id-commit.service",
                                       "systemd-networkd-wait-online.service",
                                       "systemd-pcrphase-initrd.service",
                                       "systemd-pcrphase-sysinit.service",
                                       "systemd-pcrphase.service",
                                       "systemd-pstore.service",
                                       "systemd-repart.service",
                                       "systemd-sysusers.service",
                                       "systemd-tmpfiles-setup-dev.service",
                                       "systemd-update-done.service",
                                       "systemd-update-utmp-runlevel.service",
                                       "systemd-update-utmp.service"};

// systemd.generator(7): each is a process at every boot, for hardware or set-ups that these machines never
// have.
const std::vector<std::string> kMaskedGenerators{
    "systemd-bless-boot-generator",     "systemd-cryptsetup-generator", "systemd-debug-generator",
    "systemd-getty-generator",          "systemd-gpt-auto-generator",   "systemd-hibernate-resume-generator",
    "systemd-integritysetup-generator", "systemd-rc-local-generator",   "systemd-run-generator",
    "systemd-system-update-generator",  "systemd-sysv-generator",       "systemd-veritysetup-generator"};

const Enabled kSshKeys{"vmimage-ssh-keys.service", "ssh.service"};
const Enabled kDevices{"vmimage-devices.service", "multi-user.target"};
const Enabled kIdentity{"vmimage-identity.service", "multi-user.target"};

std::vector<GuestFile> guest_files() {
  std::vector<GuestFile> files = settings_files();
  files.push_back(network_file());
  files.push_back({"debian-devices.service", "/usr/lib/systemd/system/vmimage-devices.service", 0644});
  files.push_back({"identity", "/usr/lib/vmimage/identity", 0755});
  files.push_back({"debian-identity.service", "/usr/lib/systemd/system/vmimage-identity.service", 0644});
  files.push_back({"debian-ssh-keys.service", "/usr/lib/systemd/system/vmimage-ssh-keys.service", 0644});
  files.push_back({"debian-tmpfiles.service", "/etc/systemd/system/systemd-tmpfiles-setup.service", 0644});
  files.push_back(
      {"debian-trigger.conf", "/etc/systemd/system/systemd-udev-trigger.service.d/vmimage.conf", 0644});
  return files;
}

std::vector<Enabled> enabled_units() {
  return {network_unit(), resolved_unit(), kDevices, kIdentity, kSshKeys, settings_unit()};
}

// What packages bring although it says nothing: without the first the unit that reads it is not started; the
// second is a copy of the resolv.conf of the machine that the base was made on.
const std::vector<std::string> kRemoved{"/etc/modules-load.d/modules.conf",
                                        "/etc/.resolv.conf.systemd-resolved.bak"};

const std::vector<std::pair<std::string, std::string>> kTexts{
    {"/etc/fstab", ""},  // the kernel mounts the root file system; there is no other
    {"/etc/hostname", kHostName},
    {"/etc/hosts", kHosts},
    {"/etc/machine-id", ""},  // each instance gets its own when it starts: machine-id(5)
    {"/etc/systemd/journald.conf.d/vmimage.conf", "[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n"},
    {"/etc/systemd/resolved.conf.d/vmimage.conf",
     "[Resolve]\nDNSStubListener=no\nLLMNR=no\nMulticastDNS=no\n"},
    // A process each, that reads nothing; or that need not be done before the service has its network.
    {"/etc/systemd/system/systemd-remount-fs.service.d/vmimage.conf",
     "[Unit]\nConditionFileNotEmpty=/etc/fstab\n"},
    {"/etc/systemd/system/systemd-sysctl.service.d/vmimage.conf", "[Service]\nLoadCredential=\n"},
    {"/etc/systemd/system/systemd-random-seed.service.d/vmimage.conf",
     "[Unit]\nAfter=systemd-networkd.service\n"},
    {"/etc/systemd/system/systemd-resolved.service.d/vmimage.conf",
     "[Unit]\nAfter=systemd-networkd.service\n"},
    {"/etc/systemd/system.conf.d/vmimage.conf",
     "[Manager]\nDefaultTimeoutStopSec=15s\nShowStatus=no\nStatusUnitFormat=name\n"}};

void write_settings(Ext4& root) {
  for (const auto& file : guest_files())
    root.write_file(file.path, {.mode = file.mode}, guest::file(file.name));
  for (const auto& [path, text] : kTexts)
    root.write_file(path, {.mode = 0644}, text);
  for (const auto& unit : kMasked)
    root.make_symlink("/etc/systemd/system/" + unit, "/dev/null", {});
  for (const auto& generator : kMaskedGenerators)
    root.make_symlink("/etc/systemd/system-generators/" + generator, "/dev/null", {});
  for (const auto& unit : enabled_units()) {
    const auto [path, target] = enabling_link(unit);
    root.make_symlink(path, target, {});
  }
  root.make_symlink("/etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target", {});
  root.make_symlink("/etc/resolv.conf", kResolvConf, {});
}

void populate_debian(Ext4& root, const fs::path& tar, const Kit& kit) {
  rootfs::write_tar(root, tar);
  for (const auto& path : kRemoved)
    root.remove(path);
  if (root.status(
          "/etc/ssh"))  // keys that the package made when it was installed: all instances would have them
    for (const auto& name : root.list("/etc/ssh"))
      if (name.starts_with("ssh_host_"))
        root.remove("/etc/ssh/" + name);
  write_modules(root, kit);
  write_settings(root);
}

std::string content_digest(const fs::path& entry, const Kit& kit) {
  support::Digest digest;
  digest.add(kDebianVersion).add(support::read_file(entry / "digest")).add(kit.digest);
  for (const auto& file : guest_files())
    digest.add(file.path).add(std::to_string(file.mode)).add(guest::file(file.name));
  for (const auto& [path, text] : kTexts)
    digest.add(path).add(text);
  for (const auto& names : {kMasked, kMaskedGenerators, kRemoved})
    for (const auto& name : names)
      digest.add(name);
  for (const auto& [unit, target] : enabled_units())
    digest.add(unit).add(target);
  return digest.hex();
}

void check_suite(const Suite& suite) {
  const bool plain = !suite.name.empty() && std::all_of(suite.name.begin(), suite.name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '-';
  });
  if (!plain)
    throw invalid(fmt::format("unknown suite '{}'", suite.title()),
                  "name a suite that the mirror has, like debian:bookworm");
}

}  // namespace

const std::vector<std::string>& debian_packages() {
  return kPackages;
}

Base debian_base(const cache::Cache& cache, const Suite& suite, const std::vector<std::string>& packages,
                 const PackageOrigin& origin, const Progress& progress) {
  check_suite(suite);
  const std::string name = suite.title();
  progress("base " + name);
  const Packages source(cache, suite, origin);
  const Kit kit = boot_kit(cache, source, progress);
  const std::vector<recipe::Pin> base = source.base(kPackages);
  const std::vector<recipe::Pin> all = source.with(kPackages, packages);
  const auto tree = [&](const std::vector<recipe::Pin>& pins, const fs::path& below) {
    return package_tree(cache, {name, pins, below, kPathFilters}, source, progress);
  };
  const std::optional<std::vector<recipe::Pin>> added = added_to(base, all);
  const fs::path entry = !added           ? tree(all, {})
                         : added->empty() ? tree(base, {})
                                          : tree(*added, tree(base, {}));
  const fs::path tar = entry / "root.tar";
  return {.name = name,
          .suite = suite.name,
          .init = "systemd",
          .digest = content_digest(entry, kit),
          .packages = installed_packages(entry),
          .kit = kit,
          .default_disk = kDefaultDisk,
          .populate = [tar, kit](Ext4& root) { populate_debian(root, tar, kit); },
          .status = entry / "status"};
}

}  // namespace vmimage::base
