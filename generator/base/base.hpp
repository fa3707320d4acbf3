#pragma once
// A base: what an image is made on. One file per kind; each turns into a finished base disk in the cache.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/kit.hpp"
#include "base/packages.hpp"
#include "filesystem/ext4.hpp"
#include "recipe/manifest.hpp"
#include "rootfs/tree.hpp"

namespace vmimage::base {

/// A disk that there is already, and that boots by itself.
struct Brought {
  recipe::Boot boot;
  std::uint64_t size = 0;  ///< bytes of the disk
  std::uint64_t free = 0;  ///< bytes of its root file system that nothing takes
  bool grows = false;      ///< its root goes up to the end of a larger disk
  /// Writes a copy of this size to `output`, as qcow2 that filesystem::Qcow2Image takes.
  std::function<void(std::uint64_t size, const std::filesystem::path& output)> write;
};

/// Its disk is either assembled, of the kit and a root file system that `populate` fills, or brought.
struct Base {
  std::string name;                       ///< as in the recipe; of a file without its folder
  std::string suite;                      ///< release that its libraries are of: "bookworm"
  std::string init;                       ///< "systemd" | "busybox"
  std::string digest;                     ///< of its content, 64 hexadecimal digits
  std::vector<recipe::Package> packages;  ///< without the kit's
  Kit kit;                                ///< not of a disk that is brought
  std::string lock_digest = {};           ///< of the lock that it was made by, "sha256:…"; empty: none
  std::uint64_t default_disk = 0;         ///< bytes
  std::function<void(filesystem::Ext4&)> populate = {};  ///< writes it into an empty root file system
  std::filesystem::path status = {};  ///< a copy of dpkg's database; empty: look on its disk
  std::optional<Brought> brought = {};
  /// What it lacks that every image has: goes in with the service, and is in the manifest's list of files.
  rootfs::Tree additions = {};
  /// Of a file: the shared libraries that it has, by file name. Nothing of a base that is made from packages.
  std::optional<std::set<std::string>> libraries = {};
};

/// Opens or makes a base with these packages on top; with a lock exactly those of the lock. Throws
/// Error{Usage} for a package that is not known.
Base open_base(const cache::Cache& cache, const std::string& name, const std::vector<std::string>& packages,
               const PackageOrigin& origin, const Progress& progress);

/// The file of a base "file:…"; nothing of any other.
std::optional<std::filesystem::path> file_of(const std::string& name);

/// The kinds behind open_base().
Base debian_base(const cache::Cache& cache, const Suite& suite, const std::vector<std::string>& packages,
                 const PackageOrigin& origin, const Progress& progress);
Base file_base(const cache::Cache& cache, const std::filesystem::path& path, const PackageOrigin& origin,
               const Progress& progress);
Base minimal_base(const cache::Cache& cache, const PackageOrigin& origin, const Progress& progress);

}  // namespace vmimage::base
