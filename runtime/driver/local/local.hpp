#pragma once
// The driver that comes with vmfleet: QEMU processes of this user on this machine, each on an overlay of the
// image.

#include <future>
#include <map>

#include "driver/driver.hpp"

namespace vmfleet::driver {

class LocalDriver : public Driver {
 public:
  ~LocalDriver() override;
  void start(const Launch& launch) override;
  void adopt(const Launch& launch, const std::optional<Running>& running) override;
  Look look(const std::string& id) override;
  void power_off(const std::string& id) override;
  void kill(const std::string& id) override;
  void discard(const std::string& id) override;

 private:
  struct Entry {
    Launch launch;
    std::future<Running> starting;  ///< valid while it is being started
    Running running;
    std::string problem;
  };
  void collect(Entry& entry);

  std::map<std::string, Entry> entries_;
};

}  // namespace vmfleet::driver
