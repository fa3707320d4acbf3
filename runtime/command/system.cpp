#include "command/system.hpp"

#include <fmt/format.h>

#include "inspect/image.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/json.hpp"

namespace vmfleet::command {

namespace fs = std::filesystem;
namespace support = vmimage::support;

namespace {

constexpr const char* kFile = "fleets.json";
constexpr const char* kHostInGuests = "10.0.2.2";  // QEMU's user network

/// The text of a JSON file; nothing when it is another one.
std::optional<std::string> json_text(const fs::path& file) {
  if (file.extension() != ".json" || !fs::is_regular_file(file))
    return std::nullopt;
  std::string text = support::read_file(file);
  support::parse_json(text, file.string());  // one that is cut off is nothing that we know
  return text;
}

fs::path folder_of(const fs::path& file) {
  return fs::absolute(file).parent_path();
}

}  // namespace

fs::path spec_file(const fs::path& what) {
  if (!fs::is_directory(what))
    return what;
  if (!fs::exists(what / kFile))
    throw support::invalid(fmt::format("there is no {} in '{}'", kFile, what.string()),
                           "name an image, a spec, or a folder with such a file");
  return what / kFile;
}

std::optional<fleet::System> read_system(const fs::path& file) {
  const auto text = json_text(file);
  if (!text || !fleet::is_system(*text))
    return std::nullopt;
  return fleet::parse_system(*text, file.string(), folder_of(file));
}

std::optional<fleet::Spec> read_spec(const fs::path& file) {
  const auto text = json_text(file);
  if (!text || !fleet::is_spec(*text))
    return std::nullopt;
  return fleet::parse_spec(*text, file.string(), folder_of(file));
}

std::optional<std::vector<std::string>> described_fleets(const fs::path& what) {
  const fs::path file = fs::is_directory(what) ? what / kFile : what;
  if (const auto system = read_system(file)) {
    std::vector<std::string> names;
    for (const auto& spec : *system)
      names.insert(names.begin(), spec.name);
    return names;
  }
  const auto spec = read_spec(file);
  if (!spec)
    return std::nullopt;
  if (!spec->name.empty())
    return std::vector{spec->name};
  const auto image = vmimage::inspect::image_of(spec->image);
  return std::vector{fleet::default_name(vmimage::inspect::load_manifest(image).service)};
}

std::string address_in_guests(const std::string& endpoint) {
  const auto scheme = endpoint.find("://");
  const std::string place = scheme == std::string::npos ? endpoint : endpoint.substr(scheme + 3);
  return place.starts_with("127.") ? kHostInGuests + place.substr(place.rfind(':')) : place;
}

}  // namespace vmfleet::command
