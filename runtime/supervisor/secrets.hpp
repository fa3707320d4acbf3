#pragma once
// The secrets of a deployment. Spec and state name files; what is in them is kept in the fleet's own folder,
// which only its user can read, for as long as an instance may be started with it: also when the files have
// changed.

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "supervisor/place.hpp"

namespace vmfleet::supervisor {

/// What is in the files, by the secrets' names. Throws Error{Usage} for one that is missing, unreadable, no
/// file, or too large.
std::map<std::string, std::string> read_secrets(const std::map<std::string, fs::path>& files);

/// Reads the files and keeps what is in them; returns its digest, which names its folder (Place::secrets). No
/// secrets: empty.
std::string keep_secrets(const Place& place, const std::map<std::string, fs::path>& files);

void drop_secrets_but(const Place& place, const std::set<std::string>& used);

}  // namespace vmfleet::supervisor
