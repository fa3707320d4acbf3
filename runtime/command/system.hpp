#pragma once
// What a person names instead of a fleet: a folder or a file that describes one fleet or several.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fleet/system.hpp"

namespace vmfleet::command {

/// The spec in a folder that has one; else the path as it is. Throws Error{Usage} for other folders.
std::filesystem::path spec_file(const std::filesystem::path& what);

/// Nothing when the file does not describe several fleets. Throws Error{Usage}.
std::optional<fleet::System> read_system(const std::filesystem::path& file);

/// Nothing when the file is no spec of one fleet. Throws Error{Usage}.
std::optional<fleet::Spec> read_spec(const std::filesystem::path& file);

/// The fleets that `what` describes, in the order in which they can be removed; nothing when it is neither a
/// folder nor a spec.
std::optional<std::vector<std::string>> described_fleets(const std::filesystem::path& what);

/// Where instances find a fleet whose address is `endpoint`: one on this machine by the host's loopback
/// network, which they have to be allowed.
std::string address_in_guests(const std::string& endpoint);

}  // namespace vmfleet::command
