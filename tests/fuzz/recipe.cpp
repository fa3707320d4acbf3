// Recipes (docs/recipe.md), which people write.
#include "recipe/recipe.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  fuzz::accepted([&] { recipe::parse_recipe(fuzz::text(data, size), "recipe.json", "/project"); });
  return 0;
}
