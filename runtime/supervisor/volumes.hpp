#pragma once
// The volumes of this user's fleets on disk. They are beside the fleets' own folders: a fleet that is removed
// leaves them, and one of the same name takes them again.

#include "fleet/status.hpp"
#include "supervisor/place.hpp"

namespace vmfleet::supervisor {

/// The sets of volumes that a fleet has, by number; also those that no instance holds.
std::vector<fleet::VolumeStatus> volumes_of(const Place& place);

/// The fleets that are gone and have left volumes, sorted.
std::vector<std::string> fleets_with_kept_volumes();
fleet::Status kept_status(const std::string& name);

/// For who has the fleet's lock.
void remove_volumes(const Place& place);

/// Removes those of a fleet that is gone; says whether there were any. Throws Error{Failure} when the fleet
/// is just being started.
bool remove_kept_volumes(const std::string& name);

}  // namespace vmfleet::supervisor
