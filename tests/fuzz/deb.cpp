// Packages that others made: the archive, and its control file.
#include "base/deb.hpp"

#include "fuzz.hpp"

namespace {

void order(const std::map<std::string, std::string>& control) {
  using namespace vmimage;
  auto needs = base::needs_of(control);
  auto others = needs;  // one more that may depend on the first, and the first on it
  others.name = needs.pre_depends.empty() ? "other" : needs.pre_depends.front().front();
  std::size_t count = 0;
  for (const auto& round : base::install_rounds({needs, others}))
    count += round.size();
  fuzz::require(count == 2);
  base::first_packages({needs, others});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  fuzz::accepted([&] { order(base::parse_control(fuzz::text(data, size))); });
  const fuzz::MemoryFile file(data, size);
  fuzz::accepted([&] { order(base::deb_control(file.path())); });
  fuzz::accepted([&] { base::deb_file(file.path(), "/usr/share/doc/orders/copyright", 1 << 20); });
  return 0;
}
