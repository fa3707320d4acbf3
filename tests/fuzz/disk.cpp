// Partition tables and file systems of disks that others made.
#include "disk/root.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  fuzz::MemoryDisk disk(data, size);
  const auto inside = [size](const disk::Partition& partition) {
    return partition.offset <= size && partition.size <= size - partition.offset;
  };
  fuzz::accepted([&] {
    for (const auto& partition : disk::read_gpt(disk, "disk.raw"))
      fuzz::require(inside(partition));
  });
  fuzz::accepted([&] {
    const auto layout = disk::read_layout(disk, "disk.raw");
    for (const auto& volume : layout.volumes)
      fuzz::require(inside(volume.partition));
    disk::describe(layout);
    disk::find_root(disk, layout, "disk.raw");
  });
  return 0;
}
