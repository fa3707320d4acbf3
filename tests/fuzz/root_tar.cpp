// Root file systems of others as archives, written into a new file system.
#include "fuzz.hpp"
#include "rootfs/tarball.hpp"
#include "support/file.hpp"

namespace {

constexpr std::size_t kSize = 12 << 20;  // has room for a journal

std::string empty_file_system() {
  using namespace vmimage;
  const support::TempDir folder;
  const auto file = folder.path() / "disk";
  support::write_file_atomic(file, "");
  std::filesystem::resize_file(file, kSize);
  filesystem::format_ext4(file, 0, kSize, "root", "00000000-0000-4000-8000-000000000000", 1);
  return support::read_file(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  static const std::string empty = empty_file_system();
  fuzz::MemoryDisk disk(reinterpret_cast<const std::uint8_t*>(empty.data()), empty.size());
  const fuzz::MemoryFile tar(data, size);
  fuzz::accepted([&] {
    filesystem::Ext4 root(disk, 0, filesystem::Ext4::Access::Write);
    fuzz::accepted([&] { rootfs::write_tar(root, tar.path()); });
    root.close();
  });
  return 0;
}
