#include "image/formats.hpp"

#include <algorithm>
#include <memory>

#include "image/build.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"

namespace vmimage::image {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kBeginning = 1 << 20;  // partition table, boot loader

/// A name that can be a file's, a machine's and part of an XML document.
std::string plain_name(const fs::path& file) {
  std::string name = file.filename().string();
  name = name.substr(0, name.find('.', 1));
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c) && c != '-' && c != '_'; },
      '-');
  return name.empty() ? "disk" : name.substr(0, 80);
}

}  // namespace

format::Description describe(const recipe::Manifest& manifest) {
  const bool cloud_kernel = manifest.boot.kernel_version.find("-cloud-") != std::string::npos;
  return {.name = manifest.name,
          .version = manifest.version,
          .base = manifest.base,
          .seed = manifest.digest,
          .cpus = manifest.size.cpus,
          .memory = manifest.size.memory,
          .hardware = cloud_kernel ? format::Hardware::Paravirtual : format::Hardware::Emulated,
          .time = image_time()};
}

format::Description describe_foreign(const format::Source& source, filesystem::BlockDevice& disk) {
  std::string beginning(std::min<std::uint64_t>(kBeginning, disk.size()), '\0');
  disk.read(0, beginning.data(), beginning.size());
  return {.name = plain_name(source.image),
          .version = "0",
          .base = "",
          .seed = support::Digest().add(std::to_string(disk.size())).add(beginning).hex(),
          .time = image_time()};
}

void write_formats(const format::Source& source, const format::Description& about,
                   const std::vector<Target>& targets, const base::Progress& progress) {
  std::vector<std::unique_ptr<support::PendingFile>> files;
  for (const auto& target : targets) {
    progress("format " + target.format->name);
    files.push_back(std::make_unique<support::PendingFile>(target.file));
    format::convert(source, *target.format, about, files.back()->path(),
                    [&](std::uint64_t done, std::uint64_t total) { progress.bytes(done, total); });
  }
  for (const auto& file : files)
    file->commit();
}

}  // namespace vmimage::image
