// Root file systems and packages of others, as archives.
#include <algorithm>

#include "fuzz.hpp"
#include "support/archive.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  const fuzz::MemoryFile file(data, size);
  const auto plain = [](const std::string& path) {
    const std::filesystem::path parsed(path);
    return parsed.is_absolute() && std::find(parsed.begin(), parsed.end(), "..") == parsed.end();
  };
  fuzz::accepted([&] {
    support::read_tar(file.path(), [&](support::ArchiveEntry& entry) {
      fuzz::require(plain(entry.path()));
      const std::string link = entry.hardlink();
      fuzz::require(link.empty() || plain(link));
      entry.symlink();
      entry.xattrs();
      for (std::size_t read = 0; read < (16u << 20);) {  // archives may say that they hold far more
        const auto block = entry.next_block();
        if (block.empty())
          break;
        read += block.size();
      }
    });
  });
  return 0;
}
