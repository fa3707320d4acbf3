#pragma once
// The file of what happened to a fleet: a line of JSON for each event.

#include <filesystem>
#include <vector>

#include "fleet/event.hpp"

namespace vmfleet::supervisor {

/// The file keeps its last events; older ones go.
void append_event(const std::filesystem::path& file, const fleet::Event& event);
std::vector<fleet::Event> read_events(const std::filesystem::path& file);

}  // namespace vmfleet::supervisor
