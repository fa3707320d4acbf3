#pragma once
// What gives the requests at a fleet's address to its instances: HAProxy, one process per fleet.

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <optional>

#include "balancer/config.hpp"
#include "driver/local/process.hpp"

namespace vmfleet::balancer {

/// The seam to the fleet's engine.
class Balancer {
 public:
  virtual ~Balancer() = default;
  /// Answers on the listeners of `config` from here on; a balancer that runs already goes on, or hands its
  /// sockets over to one with the new configuration. Throws Error when a port is in use.
  virtual void serve(const Config& config) = 0;
  /// What each slot leads to; slots that are not named lead nowhere. Starts a balancer that has ended again.
  virtual void route(const std::map<int, Route>& routes) = 0;
  /// By slot; of a balancer that was started again, since then.
  virtual std::map<int, ServerStatistics> statistics() = 0;
  virtual void stop() = 0;
};

class HaProxy : public Balancer {
 public:
  /// `folder` is for its configuration and what it says; `started` is called with each process that balances.
  HaProxy(std::filesystem::path folder, std::function<void(pid_t)> started);
  void serve(const Config& config) override;
  void route(const std::map<int, Route>& routes) override;
  std::map<int, ServerStatistics> statistics() override;
  void stop() override;

 private:
  using Clock = std::chrono::steady_clock;
  void start();
  void start_again();
  void write_config() const;
  void end_all();
  bool answers(const driver::ProcessId& process) const;
  void send(const std::map<int, Route>& routes);
  void wait_until_ready(const driver::ProcessId& process);
  std::string ask(const std::string& commands) const;

  std::filesystem::path file_;
  std::filesystem::path log_;
  std::function<void(pid_t)> started_;
  std::optional<Config> config_;
  std::optional<driver::ProcessId> process_;
  std::map<int, Route> sent_;
  bool everything_sent_ = false;
  std::exception_ptr trouble_;  ///< with the last start
  Clock::time_point next_try_;
};

/// A port on 127.0.0.1 that nothing listens on; the same one for the same name where it is free. From below
/// the range that the kernel takes for connections, so that it stays free while the fleet is stopped.
std::uint16_t choose_port(const std::string& name);
bool is_free(std::uint16_t port);
bool is_free_on_ipv6(std::uint16_t port);  ///< on ::1

}  // namespace vmfleet::balancer
