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

/// A file of settings, as the option --env-file has it: lines of NAME=VALUE, taken as they are; empty lines
/// and those that begin with '#' are skipped. Throws Error{Usage} with `where` and the line's number.
std::map<std::string, std::string> parse_settings(const std::string& text, const std::string& where);

/// Throws Error{Usage} unless `name` can be the name of a secret: of a file in the guest, and of one of
/// QEMU's firmware configuration, which is short.
void check_secret_name(const std::string& name);
/// "NAME=FILE", as the option --secret has it. Throws Error{Usage}.
std::pair<std::string, std::string> parse_secret(const std::string& text);

/// The object "environment"; absent: empty.
std::map<std::string, std::string> read_environment(support::Fields& fields);

/// The lines that a guest is handed (guest/files/settings).
std::string settings_text(const std::map<std::string, std::string>& environment);

}  // namespace vmimage::recipe
