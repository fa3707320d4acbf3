#pragma once
// The boot kit of a Debian suite: kernel, modules, boot loaders and busybox, taken out of their packages once
// and shared by every base and image of that suite.

#include <filesystem>
#include <string>
#include <vector>

#include "base/packages.hpp"
#include "cache/cache.hpp"
#include "recipe/manifest.hpp"

namespace vmimage::base {

struct Kit {
  std::filesystem::path folder;
  std::string digest;                     ///< of its content, 64 hexadecimal digits
  std::string kernel_version;             ///< uname -r
  std::vector<recipe::Package> packages;  ///< what it was taken from
  std::filesystem::path signed_uki = {};  ///< in place of the one in the folder; empty: not signed

  std::filesystem::path kernel() const { return folder / "vmlinuz"; }
  std::filesystem::path initrd() const { return folder / "initrd"; }
  std::filesystem::path uki() const { return signed_uki.empty() ? folder / "uki.efi" : signed_uki; }
  std::filesystem::path busybox() const { return folder / "busybox"; }
  std::filesystem::path modules() const { return folder / "modules"; }  ///< lib/modules/<version>, compressed
  std::filesystem::path cards() const { return folder / "cards"; }      ///< <name>.ko of network cards for it
  std::filesystem::path plain_modules() const { return folder / "plain"; }  ///< <name>.ko for the small init
  std::filesystem::path grub_boot() const { return folder / "boot.img"; }   ///< first sector (MBR code)
  std::filesystem::path grub_core() const { return folder / "core.img"; }
};

/// What every image's own loaders tell its kernel.
std::string kernel_command_line();

/// The packages that it is taken from, as Packages::boot() takes them. `vendor` as in Suite,
/// `kernel` as in the recipe.
const std::vector<std::string>& kit_packages(const std::string& vendor, const std::string& kernel);

/// Its key in the cache, where its kind is "kit".
std::string kit_key(const std::vector<recipe::Pin>& pins);

/// From the cache, or made out of its packages (about 30 MB). Throws Error.
Kit boot_kit(const cache::Cache& cache, const Packages& packages, const Progress& progress);

/// Modules that the minimal base loads itself, in this order.
const std::vector<std::string>& minimal_modules();
/// Those of network cards that it loads when it has one: what the kernel has of them.
std::vector<std::string> minimal_cards(const Kit& kit);

}  // namespace vmimage::base
