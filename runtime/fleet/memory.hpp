#pragma once
// Whether a machine has the memory that a fleet asks for. Pure.

#include <cstdint>
#include <string>

#include "fleet/spec.hpp"

namespace vmfleet::fleet {

/// What programs can still have without others being pushed out: MemAvailable in the text of /proc/meminfo
/// (proc(5)). Throws Error{Failure} when it is not there.
std::uint64_t available_memory(const std::string& meminfo);

/// Throws Error{Usage} when `count` instances of this size need more than is available, together with what
/// the fleet's instances have already; unless the spec says that they may.
void require_memory(const Spec& spec, int count, const recipe::Size& size, std::uint64_t available,
                    std::uint64_t had);

}  // namespace vmfleet::fleet
