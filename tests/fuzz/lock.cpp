// Locks, which people edit and merge.
#include "recipe/lock.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  fuzz::accepted([&] {
    const auto lock = recipe::parse_lock(fuzz::text(data, size), "vmimage.lock.json");
    const std::string written = recipe::to_json(lock);
    const auto again = recipe::parse_lock(written, "written");
    fuzz::require(recipe::to_json(again) == written);
    fuzz::require(recipe::lock_digest(again) == recipe::lock_digest(lock));
    fuzz::require(recipe::moves(recipe::all_pins(lock), recipe::all_pins(again)).empty());
  });
  return 0;
}
