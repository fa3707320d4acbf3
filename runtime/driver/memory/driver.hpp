#pragma once
// Fleets without machines, looked after in this process: each look at a fleet's status is a second of its
// life. For tests: what holds of every driver is tried on this one in no time.

#include <map>

#include "driver/driver.hpp"
#include "driver/memory/machines.hpp"
#include "driver/memory/outside.hpp"
#include "support/file.hpp"

namespace vmfleet::driver {

class MemoryDriver : public Driver {
 public:
  /// What there is beside a fleet's engine.
  struct World {
    MemoryMachines machines;
    MemoryChecks checks;
    MemoryBalancer balancer;
  };

  MemoryDriver();
  ~MemoryDriver() override;
  const std::string& name() const override;
  Converges converges() const override { return Converges::ByUs; }
  std::vector<std::string> fleets() override;
  std::vector<fleet::Status> gone() override { return {}; }
  std::unique_ptr<Fleet> fleet(const std::string& name) override;

  World& world(const std::string& fleet);  ///< of one that there is
  /// Images with this digest never become healthy.
  std::string broken;
  const std::filesystem::path& folder() const { return folder_.path(); }  ///< all that is kept of fleets

 private:
  friend class MemoryFleet;
  struct Life;
  Life& begin(const std::string& name);
  vmimage::support::TempDir folder_;
  std::map<std::string, std::unique_ptr<Life>> lives_;
};

}  // namespace vmfleet::driver
