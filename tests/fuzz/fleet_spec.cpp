// Fleet specs (docs/vmfleet.md), which people write.
#include "fleet/spec.hpp"
#include "fleet/system.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  using namespace vmfleet;
  const std::string text = fuzz::text(data, size);
  fuzz::accepted([&] {
    const auto spec = fleet::parse_spec(text, "fleet.json", "/project");
    fuzz::require(fleet::is_spec(text));
    fuzz::require(fleet::parse_spec(fleet::to_json(spec), "written", "/") == spec);
  });
  fuzz::accepted([&] {
    const auto system = fleet::parse_system(text, "fleets.json", "/project");
    fuzz::require(fleet::is_system(text));
    for (const auto& spec : system)
      fleet::resolve(spec, [](const std::string& name) { return name; });
  });
  fleet::check_name(fleet::default_name(text));
  return 0;
}
