// How long the plan of a very large fleet takes: for each situation a line, what it is and the median in
// milliseconds.

#include "fleet/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace {

using namespace vmfleet::fleet;
using Clock = std::chrono::steady_clock;

constexpr int kInstances = 10'000;
constexpr int kRuns = 21;

std::vector<Instance> all(State state, const std::string& generation) {
  std::vector<Instance> instances;
  for (int i = 1; i <= kInstances; ++i)
    instances.push_back({.id = fmt::format("bench-{}", i), .generation = generation, .state = state});
  return instances;
}

void measure(const char* what, const Desired& desired, const std::vector<Instance>& instances) {
  const Observed observed{std::chrono::hours(1), instances, {}};
  std::vector<double> times;
  std::size_t actions = 0;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = Clock::now();
    actions = plan(desired, observed).size();
    const bool done = settled(desired, instances);
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    if (done && actions > 0)
      fmt::print(stderr, "bench: settled, and yet there is something to do\n");
  }
  std::nth_element(times.begin(), times.begin() + kRuns / 2, times.end());
  fmt::print("{}, {} steps\t{:.2f}\n", what, actions, times[kRuns / 2]);
}

}  // namespace

int main() {
  const Desired desired{.count = kInstances, .generation = "new"};
  const auto healthy = all(State::Healthy, "new");
  measure("all healthy", desired, healthy);
  measure("none there", desired, {});
  auto mixed = healthy;
  for (std::size_t i = 0; i < mixed.size(); i += 3) {
    mixed[i].state = i % 2 ? State::Failed : State::Draining;
    mixed[i].alive = i % 2;
  }
  measure("a third failed or leaving", desired, mixed);
  measure("all to be replaced", desired, all(State::Healthy, "old"));
}
