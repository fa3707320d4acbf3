// The minimal base: kernel, busybox as init, and what the service brings along. Nothing else.

#include <fmt/format.h>

#include <sstream>

#include "base/base.hpp"
#include "guest/guest.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::base {

namespace fs = std::filesystem;
using filesystem::Attributes;
using filesystem::Ext4;

namespace {

constexpr const char* kMinimalVersion = "2";  // raise when what populate_minimal() writes changes shape
constexpr const char* kSuite = "bookworm";    // where kernel and busybox come from
constexpr std::uint64_t kDefaultDisk = 128ull << 20;
constexpr Attributes kProgram{.mode = 0755};
constexpr Attributes kText{.mode = 0644};
constexpr Attributes kFolder{.mode = 0755};

const std::vector<std::pair<std::string, std::string>> kGuestPrograms{
    {"minimal-start", "/usr/lib/vmimage/start"},     {"minimal-stop", "/usr/lib/vmimage/stop"},
    {"minimal-network", "/usr/lib/vmimage/network"}, {"settings", "/usr/lib/vmimage/settings"},
    {"identity", "/usr/lib/vmimage/identity"},       {"metadata", "/usr/lib/vmimage/metadata"},
    {"minimal-power", "/etc/acpi/PWRF/00000080"}};

const std::vector<std::pair<std::string, std::string>> kTexts{
    {"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"},
    {"/etc/group", "root:x:0:\nnogroup:x:65534:\n"},
    {"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
    {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"}};

std::vector<std::string> applets(const Kit& kit) {
  std::istringstream lines(support::run_checked({.argv = {kit.busybox().string(), "--list-full"}}));
  std::vector<std::string> paths;
  for (std::string path; lines >> path;)
    paths.push_back(path);
  return paths;
}

void populate_minimal(Ext4& root, const Kit& kit) {
  for (const char* folder : {"/dev", "/proc", "/sys", "/run", "/root", "/var/lib", "/etc", "/usr/bin",
                             "/usr/sbin", "/usr/lib/x86_64-linux-gnu", "/usr/lib64"})
    root.make_directory(folder, kFolder);
  for (const char* folder : {"/tmp", "/var/tmp"})
    root.make_directory(folder, {.mode = 01777});
  for (const char* name : {"bin", "sbin", "lib", "lib64"})
    root.make_symlink(std::string("/") + name, std::string("usr/") + name, {});
  root.write_file("/usr/bin/busybox", kProgram, support::read_file(kit.busybox()));
  for (const auto& applet : applets(kit)) {
    const std::string path = applet.starts_with("usr/") ? "/" + applet : "/usr/" + applet;
    if (path != "/usr/bin/busybox" && path != "/usr/linuxrc")
      root.make_symlink(path, "/usr/bin/busybox", {});
  }
  for (const auto& [name, path] : kGuestPrograms)
    root.write_file(path, kProgram, guest::file(name));
  root.write_file("/etc/inittab", kText, guest::file("minimal-inittab"));
  root.write_file("/etc/acpi.map", kText, "EV_KEY 0x01 KEY_POWER 116 1 PWRF/00000080\n");
  for (const auto& [path, text] : kTexts)
    root.write_file(path, kText, text);
  root.make_symlink("/etc/resolv.conf", "/run/resolv.conf", {});
  for (const auto& module : minimal_modules())
    root.write_file("/usr/lib/vmimage/modules/" + module + ".ko", kText,
                    support::read_file(kit.plain_modules() / (module + ".ko")));
  for (const auto& card : minimal_cards(kit))
    root.write_file("/usr/lib/vmimage/cards/" + card + ".ko", kText,
                    support::read_file(kit.cards() / (card + ".ko")));
}

std::string content_digest(const Kit& kit) {
  support::Digest digest;
  digest.add(kMinimalVersion).add(kit.digest);
  for (const auto& [name, path] : kGuestPrograms)
    digest.add(path).add(guest::file(name));
  digest.add(guest::file("minimal-inittab"));
  for (const auto& [path, text] : kTexts)
    digest.add(path).add(text);
  return digest.hex();
}

}  // namespace

Base minimal_base(const cache::Cache& cache, const PackageOrigin& origin, const Progress& progress) {
  progress("base minimal");
  const Kit kit = boot_kit(cache, Packages(cache, {"debian", kSuite}, origin), progress);
  return {.name = "minimal",
          .suite = kSuite,
          .init = "busybox",
          .digest = content_digest(kit),
          .packages = {},
          .kit = kit,
          .default_disk = kDefaultDisk,
          .populate = [kit](Ext4& root) { populate_minimal(root, kit); }};
}

}  // namespace vmimage::base
