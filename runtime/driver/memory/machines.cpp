#include "driver/memory/machines.hpp"

#include <fstream>

namespace vmfleet::driver {

void MemoryMachines::start(const Launch& launch) {
  log.push_back("start " + launch.id);
  known[launch.id] = launch;
  if (!problem.empty())
    return;
  std::ofstream(launch.log, std::ios::app) << launch.id << " boots\n";
  Running running{++next_, 1, {}};
  for (const auto& port : launch.manifest->ports)
    running.ports[port.number] = static_cast<std::uint16_t>(40000 + next_ - 1000);
  alive[launch.id] = running;
}

void MemoryMachines::adopt(const Launch& launch, const std::optional<Running>& running) {
  log.push_back("adopt " + launch.id);
  known[launch.id] = launch;
  if (!running)
    start(launch);
  else if (running->pid != 0)
    alive[launch.id] = *running;
}

Look MemoryMachines::look(const std::string& id) {
  const auto found = alive.find(id);
  if (found == alive.end())
    return {.phase = Look::Phase::Gone, .running = {}, .problem = problem};
  return {.phase = Look::Phase::Alive, .running = found->second, .problem = {}};
}

Use MemoryMachines::use(const std::string& /*id*/) {
  return {};
}

Bounds MemoryMachines::bounds(const std::string& /*id*/) {
  return {};
}

void MemoryMachines::power_off(const std::string& id) {
  log.push_back("power-off " + id);
  if (!deaf.contains(id))
    alive.erase(id);
}

void MemoryMachines::kill(const std::string& id) {
  log.push_back("kill " + id);
  alive.erase(id);
}

void MemoryMachines::discard(const std::string& id) {
  log.push_back("discard " + id);
  known.erase(id);
}

}  // namespace vmfleet::driver
