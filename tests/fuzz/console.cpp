// What a guest says on its serial console, as it is shown to people.
#include "fuzz.hpp"
#include "machine/serial.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  const std::string shown = machine::last_lines(fuzz::text(data, size), 20);
  for (const char c : shown)
    fuzz::require(c == '\n' || c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 127));
  return 0;
}
