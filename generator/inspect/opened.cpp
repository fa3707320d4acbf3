#include "inspect/opened.hpp"

#include <fmt/format.h>

#include "disk/root.hpp"
#include "inspect/image.hpp"
#include "support/error.hpp"

namespace vmimage::inspect {

namespace fs = std::filesystem;

Opened::Opened(const fs::path& image)
    : path_(image_of(image)),
      source_(format::find_disk(path_)),
      device_(format::open_image(source_)),
      layout_(disk::read_layout(*device_, path_.string())) {}

Opened::Opened(format::Source source, std::unique_ptr<filesystem::BlockDevice> device)
    : path_(source.image),
      source_(std::move(source)),
      device_(std::move(device)),
      layout_(disk::read_layout(*device_, path_.string())) {}

const Reader& Opened::files(std::optional<int> partition) {
  const disk::Volume& volume = partition ? disk::find_volume(layout_, *partition, path_.string())
                                         : disk::find_root(*device_, layout_, path_.string());
  if (!reader_ || volume_ != &volume) {
    reader_ = open_reader(*device_, volume, path_.string());
    volume_ = &volume;
  }
  return *reader_;
}

std::optional<recipe::Manifest> Opened::manifest() {
  std::string text;
  try {
    text = text_of(files(), recipe::kManifestPath);
  } catch (const support::Error& error) {
    if (error.kind() != support::ErrorKind::Usage)
      throw;
  }
  if (text.empty())
    return std::nullopt;
  return recipe::parse_manifest(text, path_.string());
}

Location parse_location(const std::string& text) {
  std::error_code absent;
  if (fs::exists(text, absent))
    return {text, "/"};
  for (auto colon = text.find(':'); colon != std::string::npos; colon = text.find(':', colon + 1)) {
    const std::string image = text.substr(0, colon), path = text.substr(colon + 1);
    if (fs::is_regular_file(image, absent))
      return {image, path.starts_with('/') ? path : "/" + path};
  }
  throw support::invalid(fmt::format("failed to open '{}': no such file", text.substr(0, text.find(':'))),
                         "give IMAGE:PATH, like orders-vm.qcow2:/etc/hosts");
}

}  // namespace vmimage::inspect
