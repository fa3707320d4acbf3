// The Debian base: systemd and what a black-box service needs, installed by mmdebstrap(1) without root. What
// an image has no use for (documentation, gettys, timers of interactive systems) is left out or masked.

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/apt.hpp"
#include "base/base.hpp"
#include "guest/guest.hpp"
#include "support/archive.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::base {

using filesystem::Attributes;
using filesystem::Ext4;
using filesystem::NodeType;
using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr const char* kDebianVersion = "1";  // raise when the same packages give another tree
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
                                       "systemd-journal-catalog-update.service",
                                       "systemd-journal-flush.service",
                                       "systemd-machine-id-commit.service",
                                       "systemd-networkd-wait-online.service",
                                       "systemd-pcrphase-initrd.service",
                                       "systemd-pcrphase-sysinit.service",
                                       "systemd-pcrphase.service",
                                       "systemd-pstore.service",
                                       "systemd-repart.service",
                                       "systemd-sysusers.service",
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

// systemctl(1) "enable": unit → the target that wants it.
const std::vector<std::pair<std::string, std::string>> kEnabled{
    {"systemd-networkd.service", "multi-user.target"},
    {"systemd-resolved.service", "multi-user.target"},
    {"vmimage-settings.service", "sysinit.target"}};

struct GuestFile {
  const char* name;
  const char* path;
  std::uint32_t mode;
};
constexpr GuestFile kGuestFiles[] = {
    {"settings", "/usr/lib/vmimage/settings", 0755},
    {"debian-settings", "/usr/lib/vmimage/debian-settings", 0755},
    {"debian-settings.service", "/usr/lib/systemd/system/vmimage-settings.service", 0644},
    {"debian-network", "/etc/systemd/network/80-vmimage.network", 0644}};

const std::vector<std::pair<std::string, std::string>> kTexts{
    {"/etc/fstab", "# The kernel mounts the root file system; there is no other.\n"},
    {"/etc/hostname", "localhost\n"},
    {"/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"},
    {"/etc/machine-id", ""},  // each instance gets its own when it starts: machine-id(5)
    {"/etc/systemd/journald.conf.d/vmimage.conf", "[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n"},
    {"/etc/systemd/resolved.conf.d/vmimage.conf",
     "[Resolve]\nDNSStubListener=no\nLLMNR=no\nMulticastDNS=no\n"},
    {"/etc/systemd/system.conf.d/vmimage.conf",
     "[Manager]\nDefaultTimeoutStopSec=15s\nShowStatus=no\nStatusUnitFormat=name\n"}};

std::string suite_hint() {
  return "name a suite that the mirror has, like debian:bookworm";
}

/// mmdebstrap's complaint in terms of what the user wrote.
[[noreturn]] void explain(const support::Error& error, const std::string& suite) {
  const std::string text = std::string(error.what()) + "\n" + error.hint();
  const auto quoted_after = [&](const std::string& phrase) -> std::string {
    const auto at = text.find(phrase);
    if (at == std::string::npos)
      return {};
    const auto end = text.find_first_of("\n\"' ", at + phrase.size());
    return text.substr(at + phrase.size(), end - at - phrase.size());
  };
  for (const char* phrase : {"Unable to locate package ", "Couldn't find any package by regex '", "Package '",
                             "No candidate version found for "})
    if (const std::string package = quoted_after(phrase); !package.empty())
      throw invalid(fmt::format("unknown package '{}': debian:{} does not have it", package, suite),
                    "packages are those of Debian's main archive; look for it with apt-cache search");
  throw error;
}

/// Installs packages into a tree of its own and writes it to `tar`: everything, or on top of `below`.
void bootstrap(const std::string& suite, const std::vector<std::string>& sources,
               const std::vector<std::string>& packages, const fs::path& below, const fs::path& tar,
               const Progress& progress) {
  std::vector<std::string> argv{"mmdebstrap",
                                "--variant=custom",
                                "--format=tar",
                                "--skip=output/dev",
                                "--architectures=amd64",
                                fmt::format("--include={}", fmt::join(packages, ",")),
                                "--aptopt=APT::Install-Recommends false",
                                "--aptopt=Acquire::Languages none"};
  for (const auto& filter : kPathFilters)
    argv.push_back("--dpkgopt=" + filter);
  if (below.empty())
    argv.push_back(
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr");  // else a package with all of Perl does it
  else
    argv.push_back(fmt::format("--setup-hook=tar-in {} /", support::quote({below.string()})));
  argv.insert(argv.end(), {suite, tar.string()});
  argv.insert(argv.end(), sources.begin(), sources.end());
  support::run_checked({.argv = argv,
                        .environment = {{"SOURCE_DATE_EPOCH", "315532800"}},
                        .on_line = [&](std::string_view line) {
                          if (line.starts_with("I: "))
                            progress(fmt::format("debian:{}: {}", suite, line.substr(3)));
                        }});
}

/// The installed packages of dpkg's database (/var/lib/dpkg/status, deb-control(5)).
std::vector<recipe::Package> parse_status(const std::string& status) {
  std::vector<recipe::Package> packages;
  recipe::Package package;
  bool installed = false;
  const auto finish = [&] {
    if (installed && !package.name.empty())
      packages.push_back(package);
    package = {};
    installed = false;
  };
  std::istringstream lines(status);
  for (std::string line; std::getline(lines, line);) {
    const auto value = [&](const char* field) { return line.substr(std::string(field).size()); };
    if (line.empty())
      finish();
    else if (line.starts_with("Package: "))
      package = {value("Package: "), "", "", "NOASSERTION"};
    else if (line.starts_with("Version: "))
      package.version = value("Version: ");
    else if (line.starts_with("Architecture: "))
      package.architecture = value("Architecture: ");
    else if (line.starts_with("Status: "))
      installed = line.ends_with(" installed");
  }
  finish();
  return packages;
}

std::string status_of(const fs::path& tar) {
  std::string status;
  support::read_tar(tar, [&](support::ArchiveEntry& entry) {
    if (entry.path() == "/var/lib/dpkg/status")
      status = entry.content();
  });
  return status;
}

/// A root file system in the cache: root.tar, its digest, and the dpkg status file out of it.
fs::path tree_entry(const cache::Cache& cache, const std::string& suite,
                    const std::vector<std::string>& packages, const std::optional<std::string>& mirror,
                    const fs::path& below, const Progress& progress) {
  support::Digest key;
  key.add(kDebianVersion).add(suite).add(mirror.value_or(""));
  if (!below.empty())
    key.add(support::read_file(below / "digest"));
  for (const auto& list : {packages, kPathFilters})
    for (const auto& word : list)
      key.add(word);
  return cache.entry("rootfs", key.hex(), [&](const fs::path& folder) {
    const fs::path tar = folder / "root.tar";
    try {
      bootstrap(suite, apt_sources(suite, mirror), packages, below.empty() ? fs::path() : below / "root.tar",
                tar, progress);
    } catch (const support::Error& error) {
      explain(error, suite);
    }
    support::write_file_atomic(folder / "status", status_of(tar));
    support::write_file_atomic(folder / "digest", support::sha256_file(tar));
  });
}

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

/// The kernel's modules, where kmod looks for them: modules.dep(5).
void write_modules(Ext4& root, const Kit& kit) {
  const fs::path source = kit.modules() / "lib";
  std::vector<fs::path> files;
  for (const auto& file : fs::recursive_directory_iterator(source))
    if (file.is_regular_file())
      files.push_back(file.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files)
    root.write_file("/usr/lib/" + fs::relative(file, source).string(), {.mode = 0644},
                    support::read_file(file));
}

void write_settings(Ext4& root) {
  for (const auto& file : kGuestFiles)
    root.write_file(file.path, {.mode = file.mode}, guest::file(file.name));
  for (const auto& [path, text] : kTexts)
    root.write_file(path, {.mode = 0644}, text);
  for (const auto& unit : kMasked)
    root.make_symlink("/etc/systemd/system/" + unit, "/dev/null", {});
  for (const auto& generator : kMaskedGenerators)
    root.make_symlink("/etc/systemd/system-generators/" + generator, "/dev/null", {});
  for (const auto& [unit, target] : kEnabled)
    root.make_symlink("/etc/systemd/system/" + target + ".wants/" + unit, "/usr/lib/systemd/system/" + unit,
                      {});
  root.make_symlink("/etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target", {});
  root.make_symlink("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", {});
}

void populate_debian(Ext4& root, const fs::path& tar, const Kit& kit) {
  support::read_tar(tar, [&](support::ArchiveEntry& entry) {
    if (!left_out(entry.path()))
      write_entry(root, entry);
  });
  for (const char* folder : {"/dev", "/proc", "/run", "/sys"})  // mount points
    root.make_directory(folder, {.mode = 0755});
  root.make_directory("/tmp", {.mode = 01777});
  write_modules(root, kit);
  write_settings(root);
}

std::string content_digest(const fs::path& entry, const Kit& kit) {
  support::Digest digest;
  digest.add(kDebianVersion).add(support::read_file(entry / "digest")).add(kit.digest);
  for (const auto& file : kGuestFiles)
    digest.add(file.path).add(std::to_string(file.mode)).add(guest::file(file.name));
  for (const auto& [path, text] : kTexts)
    digest.add(path).add(text);
  for (const auto& names : {kMasked, kMaskedGenerators})
    for (const auto& name : names)
      digest.add(name);
  for (const auto& [unit, target] : kEnabled)
    digest.add(unit).add(target);
  return digest.hex();
}

void check_suite(const std::string& suite) {
  const bool plain = !suite.empty() && std::all_of(suite.begin(), suite.end(),
                                                   [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
  if (!plain)
    throw invalid(fmt::format("unknown Debian suite '{}'", suite), suite_hint());
}

}  // namespace

Base debian_base(const cache::Cache& cache, const std::string& suite,
                 const std::vector<std::string>& packages, const std::optional<std::string>& mirror,
                 const Progress& progress) {
  check_suite(suite);
  progress(fmt::format("base debian:{}: kernel and boot loaders", suite));
  const Kit kit = boot_kit(cache, suite, mirror);
  fs::path entry = tree_entry(cache, suite, kPackages, mirror, {}, progress);
  if (!packages.empty()) {
    std::vector<std::string> sorted = packages;
    std::sort(sorted.begin(), sorted.end());
    entry = tree_entry(cache, suite, sorted, mirror, entry, progress);
  }
  const fs::path tar = entry / "root.tar";
  return {.name = "debian:" + suite,
          .suite = suite,
          .init = "systemd",
          .digest = content_digest(entry, kit),
          .packages = parse_status(support::read_file(entry / "status")),
          .kit = kit,
          .default_disk = kDefaultDisk,
          .populate = [tar, kit](Ext4& root) { populate_debian(root, tar, kit); }};
}

}  // namespace vmimage::base
