// A supervisor's state, which a crash or a full disk may have damaged.
#include "fuzz.hpp"
#include "supervisor/state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  using namespace vmfleet;
  fuzz::accepted([&] {
    const std::string written =
        supervisor::to_json(supervisor::parse_state(fuzz::text(data, size), "state.json"));
    fuzz::require(supervisor::to_json(supervisor::parse_state(written, "written")) == written);
  });
  return 0;
}
