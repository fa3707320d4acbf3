// What QEMU answers to "info usernet".
#include "fuzz.hpp"
#include "machine/qmp.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  const std::string text = fuzz::text(data, size);
  machine::parse_usernet(text, {8080, recipe::Protocol::Tcp});
  machine::parse_reached(text, 40000);
  return 0;
}
