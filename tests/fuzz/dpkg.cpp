// dpkg's database in bases that others made.
#include "base/dpkg.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmimage;
  for (const auto& package : base::parse_status(fuzz::text(data, size)))
    fuzz::require(!package.name.empty());
  return 0;
}
