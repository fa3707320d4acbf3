// Disks in archives that others made: OVA, a tar with a disk.raw, gzip'd raw.
#include "format/unpack.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  const fuzz::MemoryFile file(data, size);
  fuzz::accepted([&] {
    format::Source source{
        .image = file.path(), .format = "", .file = file.path(), .driver = "", .part = {}, .unpacked = {}};
    format::find_in_tar(source);
    fuzz::require(source.unpacked ||
                  (source.part.offset <= size && source.part.size <= size - source.part.offset));
  });
  fuzz::accepted([&] {
    format::Source source{
        .image = file.path(), .format = "", .file = file.path(), .driver = "", .part = {}, .unpacked = {}};
    format::unpack(source);
  });
  fuzz::accepted([&] { format::check_digests(file.path()); });
  return 0;
}
