// Manifests, which come out of images that others made.
#include "recipe/manifest.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  fuzz::accepted([&] {
    const auto manifest = recipe::parse_manifest(fuzz::text(data, size), "manifest.json");
    const std::string written = recipe::to_json(manifest);
    fuzz::require(recipe::to_json(recipe::parse_manifest(written, "written")) == written);
  });
  return 0;
}
