// EFI programs: unified kernel images of images that others made, and a distribution's boot stub.
#include "disk/uki.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  const std::string file = fuzz::text(data, size);
  fuzz::accepted([&] {
    const auto sections = disk::parse_pe(file, "linux.efi");
    for (const auto& section : sections)
      fuzz::require(section.offset <= size && section.size <= size - section.offset);
    disk::pe_section(sections, ".linux", "linux.efi");
  });
  return 0;
}
