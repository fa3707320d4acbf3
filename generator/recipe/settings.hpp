#pragma once
// The service's settings, which become its environment: one rule for recipes, fleet specs and command lines.
// Pure.

#include <map>
#include <string>
#include <utility>

#include "support/json.hpp"

namespace vmimage::recipe {

/// Throws Error{Usage} unless `key` is the name of an environment variable and `value` is one line.
void check_setting(const std::string& key, const std::string& value);

/// "NAME=VALUE", as the option --env has it. Throws Error{Usage}.
std::pair<std::string, std::string> parse_setting(const std::string& text);

/// The object "environment"; absent: empty.
std::map<std::string, std::string> read_environment(support::Fields& fields);

/// The lines that a guest is handed (guest/files/settings).
std::string settings_text(const std::map<std::string, std::string>& environment);

}  // namespace vmimage::recipe
