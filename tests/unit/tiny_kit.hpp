#pragma once
// A boot kit of a few kilobytes that nothing is downloaded for: good enough to be put on a disk and to be
// read back, not to boot.

#include <filesystem>
#include <memory>
#include <string>

#include "base/kit.hpp"
#include "base/packages.hpp"
#include "cache/cache.hpp"
#include "disk/uki.hpp"
#include "expect.hpp"
#include "recipe/lock.hpp"
#include "support/archive.hpp"
#include "support/file.hpp"

namespace vmimage {

/// `size` bytes that do not repeat soon.
inline std::string noise(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    seed = seed * 1103515245 + 12345;
    byte = static_cast<char>(seed >> 16);
  }
  return bytes;
}

/// An EFI program that returns at once, as the stub of a unified kernel image.
inline void make_stub(const std::filesystem::path& output) {
  const support::TempDir work;
  support::write_file_atomic(work.path() / "stub.s", ".text\n.globl _start\n_start: ret\n");
  support::run_checked({.argv = {"as", work.path() / "stub.s", "-o", work.path() / "stub.o"}});
  support::run_checked({.argv = {"ld", "-m", "i386pep", "--no-insert-timestamp", "--subsystem", "10", "-e",
                                 "_start", "-o", output, work.path() / "stub.o"}});
}

inline void make_tiny_kit(const std::filesystem::path& folder) {
  const auto put = [&](const char* name, const std::string& content) {
    support::write_file_atomic(folder / name, content);
  };
  std::filesystem::create_directories(folder);
  put("vmlinuz", noise(70'001, 1));
  put("initrd", support::write_cpio({{.path = "init", .mode = 0100755, .content = "#!/bin/busybox sh\n"}}));
  put("boot.img", "\xeb\x63" + noise(510, 2));
  put("core.img", noise(30'000, 3));
  std::filesystem::create_directories(folder / "plain");
  for (const auto& module : base::minimal_modules())
    put(("plain/" + module + ".ko").c_str(), module);
  std::filesystem::create_directories(folder / "modules/lib/modules/6.1.0-tiny");
  put("modules/lib/modules/6.1.0-tiny/modules.dep", "");
  support::write_file_atomic(folder / "busybox",
                             "#!/bin/sh\nprintf '%s\\n' bin/busybox bin/sh sbin/init linuxrc usr/bin/env\n",
                             0755);
  make_stub(folder / "stub");
  disk::write_uki({.stub = folder / "stub",
                   .kernel = folder / "vmlinuz",
                   .initrd = folder / "initrd",
                   .command_line = base::kernel_command_line(),
                   .os_release = "ID=vmimage\n"},
                  folder / "uki.efi");
  put("kit.json",
      R"({"kernel_version": "6.1.0-tiny", "packages": [{"name": "linux-tiny", "version": "1", "architecture": "amd64"}]})");
}

/// A lock for the minimal base whose packages nobody has.
inline recipe::Lock tiny_lock() {
  recipe::Lock lock;
  lock.base = "minimal";
  for (const char* name : {"busybox-static", "grub-pc-bin", "linux-image-6.1.0-tiny",
                           "linux-image-cloud-amd64", "systemd-boot-efi"})
    lock.boot_packages.push_back({.name = name,
                                  .version = "1",
                                  .architecture = "amd64",
                                  .sha256 = std::string(64, 'a'),
                                  .size = 1,
                                  .file = "pool/tiny.deb",
                                  .archive = "bookworm"});
  return lock;
}

/// The minimal base with tiny_lock() then finds its kit in the cache and downloads nothing.
inline base::Kit plant_tiny_kit(const cache::Cache& cache) {
  const recipe::Lock lock = tiny_lock();
  cache.entry("kit", base::kit_key(lock.boot_packages), make_tiny_kit);
  const base::PackageOrigin origin{.mirror = {}, .lock = std::make_shared<const recipe::Lock>(lock)};
  return base::boot_kit(cache, base::Packages(cache, {"debian", "bookworm"}, origin), [](const auto&) {});
}

}  // namespace vmimage
