#pragma once
// Fleets on this machine: each has a supervisor in the background, that is given orders through its socket.

#include "driver/driver.hpp"

namespace vmfleet::driver {

class LocalDriver : public Driver {
 public:
  const std::string& name() const override;
  Converges converges() const override { return Converges::ByUs; }
  std::vector<std::string> fleets() override;
  std::vector<fleet::Status> gone() override;
  std::unique_ptr<Fleet> fleet(const std::string& name) override;
};

}  // namespace vmfleet::driver
