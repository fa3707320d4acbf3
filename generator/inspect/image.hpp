#pragma once
// Reading any disk image without booting or mounting it: qemu-nbd (read-only, on a private Unix socket),
// libnbd, libext2fs; the EFI system partition with mtools.

#include <filesystem>
#include <string>

#include "recipe/manifest.hpp"

namespace vmimage::inspect {

/// Files for direct kernel boot, taken out of an image's unified kernel image.
struct BootFiles {
  std::filesystem::path kernel;
  std::filesystem::path plain_kernel;  ///< the same, uncompressed; empty when QEMU cannot start it so
  std::filesystem::path initrd;
  std::string command_line;
};

/// The manifest inside an image (`path` as for image_of()): the one place that cannot be out of step with it.
/// Throws Error{Usage} when the file is no disk image or none of ours.
recipe::Manifest load_manifest(const std::filesystem::path& path);

/// The disk that `path` means: an image, or the manifest beside one ("orders-vm.json": orders-vm.qcow2, or
/// the image in another format). Throws Error{Usage} when there is none.
std::filesystem::path image_of(const std::filesystem::path& path);

/// Kernel and initrd of an image, extracted once into the cache and shared by all images with the same ones.
BootFiles boot_files(const std::filesystem::path& image, const recipe::Manifest& manifest);

}  // namespace vmimage::inspect
