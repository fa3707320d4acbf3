#pragma once
// Ends the supervisor's wait for questions when there is something to look at.

#include "support/descriptor.hpp"

namespace vmfleet::supervisor {

/// An eventfd(2). It may be rung from any thread, any number of times.
class Wake {
 public:
  Wake();
  void ring() const;
  /// Forgets what was rung until now.
  void clear() const;
  int fd() const { return event_.fd; }

 private:
  vmimage::support::Descriptor event_;
};

}  // namespace vmfleet::supervisor
