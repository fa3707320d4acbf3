// OVF descriptors of machines that others made.
#include "format/ovf.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  fuzz::accepted([&] { format::read_ovf_disks(fuzz::text(data, size), "machine.ova"); });
  return 0;
}
