#include "inspect/image.hpp"

#include <fmt/format.h>

#include "cache/cache.hpp"
#include "disk/gpt.hpp"
#include "disk/kernel.hpp"
#include "disk/uki.hpp"
#include "filesystem/block_device.hpp"
#include "filesystem/ext4.hpp"
#include "format/format.hpp"
#include "format/open.hpp"
#include "inspect/fat.hpp"
#include "inspect/opened.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::inspect {

using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr const char* kPlainKernel = "plain-kernel";

void extract_boot_files(const fs::path& image, const recipe::Manifest& manifest, const fs::path& folder) {
  const support::TempDir work;
  {
    const auto device = format::open_image(image);
    const auto partitions = disk::read_gpt(*device, image.string());
    extract(*device, disk::partition_of_type(partitions, disk::kEfiSystemType, image.string()),
            work.path() / "esp");
  }
  const fs::path uki = work.path() / "uki.efi";
  support::run_checked(
      {.argv = {"mcopy", "-n", "-i", (work.path() / "esp").string(), "::" + manifest.boot.image, uki},
       .environment = {{"MTOOLS_SKIP_CHECK", "1"}}});
  const std::string bytes = support::read_file(uki);
  const auto sections = disk::parse_pe(bytes, manifest.boot.image);
  const auto write = [&](const char* section, const char* name) {
    const auto& part = disk::pe_section(sections, section, manifest.boot.image);
    support::write_file_atomic(folder / name, std::string_view(bytes).substr(part.offset, part.size));
  };
  write(".linux", "kernel");
  write(".initrd", "initrd");
  const auto& linux_part = disk::pe_section(sections, ".linux", manifest.boot.image);
  if (const auto plain =
          disk::plain_kernel(std::string_view(bytes).substr(linux_part.offset, linux_part.size)))
    support::write_file_atomic(folder / kPlainKernel, *plain);
}

}  // namespace

fs::path image_of(const fs::path& path) {
  if (!fs::exists(path))
    throw invalid(fmt::format("failed to open '{}': no such file", path.string()),
                  "give an image, or the manifest beside one");
  if (fs::is_directory(path))
    throw invalid(fmt::format("failed to open '{}': it is a folder", path.string()),
                  "give an image, or the manifest beside one");
  if (path.extension() != ".json")
    return path;
  for (const auto& format : format::all()) {
    fs::path image = path;
    image.replace_extension(format.extension);
    if (fs::exists(image))
      return image;
  }
  throw invalid(fmt::format("failed to find the image of '{}': there is none beside it", path.string()),
                "keep image and manifest in one folder");
}

recipe::Manifest load_manifest(const fs::path& path) {
  Opened opened(path);
  opened.files();  // says what there is instead of a root file system
  auto manifest = opened.manifest();
  if (!manifest)
    throw invalid(fmt::format("'{}' was not made by vmimage: it has no {}", opened.path().string(),
                              recipe::kManifestPath),
                  "build it with 'vmimage build'");
  return *manifest;
}

BootFiles boot_files(const fs::path& image, const recipe::Manifest& manifest) {
  const cache::Cache cache;
  const std::string key = support::Digest().add(kPlainKernel).add(manifest.boot.digest).hex();
  const fs::path folder =
      cache.entry("boot", key, [&](const fs::path& work) { extract_boot_files(image, manifest, work); });
  const fs::path plain = folder / kPlainKernel;
  return {folder / "kernel", fs::exists(plain) ? plain : "", folder / "initrd", manifest.boot.command_line};
}

}  // namespace vmimage::inspect
