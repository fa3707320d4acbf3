// File systems of bases and images that others made, read as `inspect` does and written as a build does.
#include "filesystem/ext4.hpp"

#include "fuzz.hpp"

namespace {

using vmimage::filesystem::Ext4;
using vmimage::filesystem::NodeType;

void look(const Ext4& root, const std::string& folder, int depth, int& left) {
  for (const auto& name : root.list(folder)) {
    if (--left < 0)
      return;
    const std::string path = folder + (folder.ends_with('/') ? "" : "/") + name;
    const auto status = root.status(path);
    if (!status)
      continue;
    if (status->type == NodeType::Directory && depth > 0)
      look(root, path, depth - 1, left);
    else if (status->type == NodeType::File && status->size < (1u << 20))
      root.read(path);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  fuzz::MemoryDisk disk(data, size);
  fuzz::accepted([&] {
    const Ext4 root(disk, 0, Ext4::Access::Read);
    int left = 200;
    look(root, "/", 4, left);
  });
  fuzz::accepted([&] {
    Ext4 root(disk, 0, Ext4::Access::Write);
    root.write_file("/etc/hostname", {.mode = 0644}, "vm\n");
    root.write_file("/usr/bin/orders", {.mode = 0755}, std::string(9000, 'x'));
    root.make_symlink("/etc/link", "/usr/bin/orders", {});
    root.remove("/folder");
    root.close();
  });
  return 0;
}
