#pragma once
// The driver that comes with vmfleet: QEMU processes of this user on this machine, each on an overlay of the
// image.

#include <functional>
#include <future>
#include <map>
#include <thread>

#include "driver/local/process.hpp"
#include "driver/local/snapshots.hpp"
#include "driver/local/warm_pool.hpp"
#include "driver/machines.hpp"

namespace vmfleet::driver {

class LocalMachines : public Machines {
 public:
  /// `root`: the fleet's folder; `changed` is called from another thread when a start has come to its end;
  /// `started` with the process of each machine that runs.
  LocalMachines(const std::filesystem::path& root, std::function<void()> changed,
                std::function<void(pid_t)> started);
  void start(const Launch& launch) override;
  void adopt(const Launch& launch, const std::optional<Running>& running) override;
  Look look(const std::string& id) override;
  Use use(const std::string& id) override;
  Bounds bounds(const std::string& id) override;
  void power_off(const std::string& id) override;
  void kill(const std::string& id) override;
  void discard(const std::string& id) override;
  void prepare(const std::vector<Launch>& next) override { pool_.set(next); }
  int prepared() override { return pool_.ready(); }

 private:
  struct Entry {
    Launch launch;
    std::future<Running> starting;  ///< valid while it is being started
    std::jthread thread;            ///< that does so
    Running running;
    ProcessEnd end;  ///< of the running one
    std::string problem;
  };
  void begin(Entry& entry, std::function<Running(const std::stop_token&)> start);
  void collect(Entry& entry) const;
  void set_running(Entry& entry, const Running& running) const;

  std::function<void()> changed_;
  std::function<void(pid_t)> started_;
  Snapshots snapshots_;
  WarmPool pool_;
  std::map<std::string, Entry> entries_;  ///< last: its threads use the rest
};

}  // namespace vmfleet::driver
