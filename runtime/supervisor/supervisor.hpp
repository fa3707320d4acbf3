#pragma once
// The process that looks after one fleet. It may end at any moment: instances and balancer go on, and the
// next supervisor takes them over.

#include <string>

namespace vmfleet::supervisor {

/// Looks after the fleet until it is stopped or removed, or until we are interrupted. Returns at once when
/// another process does so already.
void supervise(const std::string& name);

}  // namespace vmfleet::supervisor
