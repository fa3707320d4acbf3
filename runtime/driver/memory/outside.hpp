#pragma once
// Health checks and a balancer without machines, for tests.

#include <functional>
#include <set>
#include <vector>

#include "balancer/balancer.hpp"
#include "health/monitor.hpp"

namespace vmfleet::driver {

class MemoryChecks : public health::Checks {
 public:
  void watch(const std::string& id, const health::Target& target) override { watched[id] = target; }
  void forget(const std::string& id) override { watched.erase(id); }
  health::Verdict verdict(const std::string& id) override;

  std::map<std::string, health::Target> watched;
  std::set<std::string> sick;                    ///< by id
  std::function<bool(const std::string&)> well;  ///< of those not in `sick`; empty: all are
};

class MemoryBalancer : public balancer::Balancer {
 public:
  void serve(const balancer::Config& config) override;
  void route(const std::map<int, balancer::Route>& wanted) override { routes = wanted; }
  std::map<int, balancer::ServerStatistics> statistics() override { return counts; }
  void stop() override {}
  int ready() const;  ///< routes that get requests

  std::vector<balancer::Config> served;
  std::map<int, balancer::Route> routes;
  std::map<int, balancer::ServerStatistics> counts;
  std::string problem;  ///< when set, it cannot serve
};

}  // namespace vmfleet::driver
