#pragma once
// The manifest: what an image is, beside it (<name>.json) and inside it (/usr/lib/vmimage/manifest.json).
// Pure.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "recipe/service.hpp"

namespace vmimage::recipe {

constexpr int kManifestVersion = 1;
constexpr const char* kManifestPath = "/usr/lib/vmimage/manifest.json";

struct Package {
  std::string name;
  std::string version;
  std::string architecture;
  std::string license;  ///< SPDX expression, or "NOASSERTION"
};

struct FileRecord {
  std::string path;
  std::uint64_t size = 0;
  std::string sha256 = {};  ///< empty for a folder or a symbolic link
  std::string sha1 = {};    ///< the same; SPDX asks for it
};

/// A file of the builder that an image was made with, and that is not in it as such.
struct Input {
  std::string name;
  std::string sha256;
};

/// How the image boots. Its parts for direct kernel boot are empty when that cannot be: when kernel and boot
/// loader are those of a disk image that is its base.
struct Boot {
  std::string digest;  ///< "sha256:…" of the boot kit: equal for all images with the same kernel and initrd
  std::string kernel_version;
  std::string image;         ///< on the EFI system partition: the unified kernel image, /EFI/BOOT/BOOTX64.EFI
  std::string command_line;  ///< what the image's own loaders pass to the kernel
  std::vector<std::string> firmware = {"direct", "bios", "uefi"};  ///< what starts it; the best first
};

struct Manifest {
  std::string name;
  std::string version;
  std::string digest;       ///< "sha256:…" over everything that went in
  std::string base;         ///< "debian:bookworm"
  std::string base_digest;  ///< "sha256:…"
  std::string lock_digest;  ///< "sha256:…" of the lock that it was made by; empty: none
  std::string init;         ///< "systemd" | "busybox"
  std::string service;
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;
  std::string user;
  std::vector<Volume> volumes;
  std::vector<Port> ports;
  HealthCheck health;
  Size size;
  std::uint64_t disk = 0;  ///< bytes
  std::vector<std::string> formats;
  Boot boot;
  std::vector<Package> packages;
  std::vector<FileRecord> files;  ///< what was added to the base
  std::int64_t time = 315532800;  ///< of all files in the image, seconds since 1970
  std::vector<Input> package_files;
  std::vector<Input> provision;  ///< the scripts, in their order
};

Manifest parse_manifest(const std::string& text, const std::string& where);
std::string to_json(const Manifest& manifest);  ///< two-space indented, keys sorted, newline at the end

}  // namespace vmimage::recipe
