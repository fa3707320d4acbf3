#pragma once
// The process that looks after one fleet. It may end at any moment: instances and balancer go on, and the
// next supervisor takes them over.

#include <string>

namespace vmfleet::supervisor {

/// When another process looks after the fleet already: leave it to that one, or take its place.
enum class Other { Leave, Replace };

/// Looks after the fleet until it is stopped or removed, or until we are interrupted.
void supervise(const std::string& name, Other other);

}  // namespace vmfleet::supervisor
