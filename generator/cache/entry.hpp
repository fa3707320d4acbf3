#pragma once
// What is inside a cache's entry: its files, and the list of their checksums.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/descriptor.hpp"

namespace vmimage::cache {

/// Writes the list of checksums (XXH3-128) of all files below `folder` into it.
void seal(const std::filesystem::path& folder);

/// What is wrong with an entry: "'disk.qcow2' has changed"; empty when nothing is. `files`: paths in the
/// entry to check; null: all, and then there must be no others.
std::string damage(const std::filesystem::path& folder, const std::vector<std::string>* files);

/// The checksum that a file of the entry has to have; empty when the list does not have it or cannot be read.
std::string checksum_in(const std::filesystem::path& folder, const std::string& file);

/// Holds an entry against being pruned for as long as the descriptor is open (flock(2) on the folder itself).
/// Empty when there is no such entry.
std::optional<support::Descriptor> hold(const std::filesystem::path& folder);

/// The entry of that name is the one that is held.
bool is_still(const support::Descriptor& held, const std::filesystem::path& folder);

/// Gives a finished folder its name as an entry. A damaged one that is there goes where it was made.
void put_in_place(const std::filesystem::path& made, const std::filesystem::path& folder);

/// Moves an entry away to `grave` unless somebody holds it.
bool take_away(const std::filesystem::path& folder, const std::filesystem::path& grave);

}  // namespace vmimage::cache
