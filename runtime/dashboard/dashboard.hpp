#pragma once
// The fleet's dashboard: a page, its figures, and metrics for Prometheus, over HTTP on a loopback address. It
// only shows. It answers in threads of its own, from what the supervisor hands over: neither waits for the
// other's work.

#include <memory>
#include <string>

#include "dashboard/content.hpp"

namespace vmfleet::dashboard {

class Dashboard {
 public:
  /// `name` chooses the port: the same one for the same name, where it is free.
  explicit Dashboard(const std::string& name);
  ~Dashboard();
  Dashboard(const Dashboard&) = delete;
  Dashboard& operator=(const Dashboard&) = delete;

  /// Empty when no port was to be had.
  const std::string& address() const { return address_; }

  /// Whether somebody waits for a snapshot: nobody need make one otherwise.
  bool wanted() const;
  void publish(Snapshot snapshot);

 private:
  struct Service;
  std::unique_ptr<Service> service_;
  std::string address_;
};

}  // namespace vmfleet::dashboard
