// qcow2 images that are written in place. The input is the beginning of each cluster; the rest of a cluster
// is zeroes.
#include "filesystem/qcow2.hpp"

#include "fuzz.hpp"

namespace {

constexpr std::size_t kCluster = 1 << 16, kBeginning = 512;

std::string with_whole_clusters(const std::uint8_t* data, std::size_t size) {
  std::string file((size + kBeginning - 1) / kBeginning * kCluster, '\0');
  for (std::size_t at = 0; at < size; at += kBeginning)
    std::memcpy(file.data() + at / kBeginning * kCluster, data + at, std::min(kBeginning, size - at));
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  if (size > 32 * kBeginning)
    return -1;  // more clusters say nothing new
  const std::string bytes = with_whole_clusters(data, size);
  const fuzz::MemoryFile file(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  fuzz::accepted([&] {
    filesystem::Qcow2Image image(file.path());
    std::string text(4096, 'x');
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{100'000}, image.size() - text.size()})
      fuzz::accepted([&] {
        image.write(offset, text.data(), text.size());
        std::string back(text.size(), '\0');
        image.read(offset, back.data(), back.size());
        image.zero(offset, text.size());
      });
    image.flush();
  });
  return 0;
}
