#pragma once
// A driver without machines, for tests: what it is told is noted, what it tells is set by the test.

#include <set>
#include <vector>

#include "driver/machines.hpp"

namespace vmfleet::driver {

class MemoryMachines : public Machines {
 public:
  void start(const Launch& launch) override;
  void adopt(const Launch& launch, const std::optional<Running>& running) override;
  Look look(const std::string& id) override;
  Use use(const std::string& id) override;
  Bounds bounds(const std::string& id) override;
  void power_off(const std::string& id) override;
  void kill(const std::string& id) override;
  void discard(const std::string& id) override;

  std::vector<std::string> log;         ///< "start a-1", "power-off a-1", …
  std::map<std::string, Launch> known;  ///< started or adopted, not discarded
  std::map<std::string, Running> alive;
  std::set<std::string> deaf;  ///< do not listen to their power button
  std::string problem;         ///< when set, starts fail with it

 private:
  pid_t next_ = 1000;
};

}  // namespace vmfleet::driver
