#pragma once
// What `up` and `deploy` share: a fleet is told what it shall be, and watched until it is, or is back at what
// it was.

#include "command/fleet.hpp"

namespace vmfleet::command {

/// Changes the fleet, which is made when there is none, and returns once it is settled. When it does not get
/// so far in time (nothing: as long as it takes), or we are interrupted, it is taken back. Throws Error.
fleet::Status change_fleet(driver::Fleet& fleet, const driver::Wanted& wanted,
                           const std::optional<std::chrono::seconds>& timeout);

/// Prints a fleet's address.
void print_address(const fleet::Status& status);

}  // namespace vmfleet::command
