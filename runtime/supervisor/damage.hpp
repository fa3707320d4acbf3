#pragma once
// A fleet whose state cannot be read: it is said so at once, and its remains can be removed.

#include "supervisor/place.hpp"
#include "supervisor/state.hpp"

namespace vmfleet::supervisor {

/// What the last supervisor left; empty when there was none. Throws Error that says how to go on.
FleetState read_state(const Place& place);

/// Removes a fleet, and ends what runs of it, when its state is damaged and nobody looks after it; says
/// whether that is so. One from a newer vmfleet is not damaged.
bool remove_damaged(const Place& place);

}  // namespace vmfleet::supervisor
