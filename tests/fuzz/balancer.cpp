// What HAProxy answers on its runtime API.
#include "balancer/config.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = vmimage::fuzz::text(data, size);
  vmfleet::balancer::parse_statistics(text, 8080);
  vmfleet::balancer::is_refusal(text);
  return 0;
}
