#pragma once
// The check that comes before a fleet gets larger: whether this machine has the memory.

#include "fleet/spec.hpp"

namespace vmfleet::driver {

/// Throws Error{Usage} when it has not, for the fleet as it shall be; `image` is the size that its image asks
/// for.
void require_memory(const fleet::Spec& spec, const fleet::recipe::Size& image);

/// The same for a fleet that there is, with another number of instances.
void require_memory(const std::string& fleet, int count);

}  // namespace vmfleet::driver
