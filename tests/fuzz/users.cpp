// passwd(5), group(5) and shadow(5) of bases that others made.
#include "rootfs/users.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  const std::string text = fuzz::text(data, size);
  const std::size_t half = text.find('\f') == std::string::npos ? text.size() : text.find('\f');
  const rootfs::UserFiles files{text.substr(0, half), text.substr(half), "root:*:0::::::\n"};
  fuzz::accepted([&] {
    if (rootfs::has_user(files.passwd, "orders"))
      return;
    const auto added = rootfs::add_system_user(files, "orders", "/var/lib/orders");
    fuzz::require(rootfs::has_user(added.passwd, "orders"));
    rootfs::find_user(added.passwd, "orders");
  });
  return 0;
}
