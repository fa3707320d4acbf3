#pragma once
// Ends the supervisor's wait for questions when there is something to look at.

#include <sys/types.h>

#include "support/descriptor.hpp"

namespace vmfleet::supervisor {

/// An eventfd(2), and processes whose end rings, too (pidfd_open(2)), behind one epoll(7). All of it may be
/// used from any thread, any number of times.
class Wake {
 public:
  Wake();
  void ring() const;
  /// Rings once when this process ends; one that has ended already is somebody else's to notice.
  void ring_at_end_of(pid_t process) const;
  /// Forgets what was rung until now.
  void clear() const;
  int fd() const { return all_.fd; }  ///< readable once it was rung

 private:
  vmimage::support::Descriptor event_;
  vmimage::support::Descriptor all_;
};

}  // namespace vmfleet::supervisor
