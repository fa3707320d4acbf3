#include "driver/memory/outside.hpp"

#include <algorithm>

#include "support/error.hpp"

namespace vmfleet::driver {

health::Verdict MemoryChecks::verdict(const std::string& id) {
  const bool good = !sick.contains(id) && (!well || well(id));
  return {good, good ? 0 : 3, good ? 1 : 0, good ? "" : "HTTP 500"};
}

void MemoryBalancer::serve(const balancer::Config& config) {
  if (!problem.empty())
    throw vmimage::support::failure(problem);
  served.push_back(config);
}

int MemoryBalancer::ready() const {
  return static_cast<int>(std::count_if(routes.begin(), routes.end(), [](const auto& route) {
    return route.second.mode == balancer::Mode::Ready;
  }));
}

}  // namespace vmfleet::driver
