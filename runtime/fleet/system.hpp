#pragma once
// Several fleets in one document, which find each other by address (docs/vmfleet.md). Pure.
//
// In the environment of one, ${<fleet>.address} stands for the address of another; $${ stands for ${.

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "fleet/spec.hpp"

namespace vmfleet::fleet {

/// The fleets, each after those that it refers to.
using System = std::vector<Spec>;

/// Whether a JSON document describes several fleets.
bool is_system(const std::string& text);

/// Parses and checks it; relative paths are against `folder`. Throws Error{Usage} that starts with `where`.
System parse_system(const std::string& text, const std::string& where, const std::filesystem::path& folder);

/// The fleets that a fleet refers to. Throws Error{Usage}.
std::set<std::string> references(const Spec& spec);

/// The spec with the addresses in place of the references to them.
Spec resolve(Spec spec, const std::function<std::string(const std::string& fleet)>& address_of);

}  // namespace vmfleet::fleet
