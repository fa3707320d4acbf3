#pragma once
// Reading any disk image without booting or mounting it: qemu-nbd (read-only, on a private Unix socket),
// libnbd, libext2fs; the EFI system partition with mtools.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "recipe/manifest.hpp"

namespace vmimage::inspect {

/// Files for direct kernel boot, taken out of an image's unified kernel image.
struct BootFiles {
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::string command_line;
};

/// The manifest of an image: from "<stem>.json" beside it when that names this very image, else from inside.
/// `path` may also be the manifest's own ("orders-vm.json": the image is the qcow2 beside it).
/// Throws Error{Usage} when the file is no disk image or none of ours.
recipe::Manifest load_manifest(const std::filesystem::path& path);

/// The disk that `path` (an image or its manifest) means; throws Error{Usage} when there is none.
std::filesystem::path image_of(const std::filesystem::path& path);

/// Kernel and initrd of an image, extracted once into the cache (keyed by the image's digest).
BootFiles boot_files(const std::filesystem::path& image, const recipe::Manifest& manifest);

}  // namespace vmimage::inspect
