// Short texts of people: KEY=VALUE, ports, health checks, sizes.
#include "recipe/settings.hpp"

#include "fuzz.hpp"
#include "recipe/service.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  const std::string text = fuzz::text(data, size);
  fuzz::accepted([&] {
    const auto [name, value] = recipe::parse_setting(text);
    const std::string line = recipe::settings_text({{name, value}});
    fuzz::require(line.find('\n') == line.size() - 1);
  });
  fuzz::accepted([&] { fuzz::require(recipe::parse_size(text) > 0); });
  fuzz::accepted([&] {
    const auto port = recipe::parse_port(text);
    fuzz::require(recipe::parse_port(recipe::to_string(port)) == port);
  });
  fuzz::accepted([&] {
    const std::string written = recipe::to_string(recipe::parse_health(text));
    fuzz::require(recipe::to_string(recipe::parse_health(written)) == written);
  });
  return 0;
}
