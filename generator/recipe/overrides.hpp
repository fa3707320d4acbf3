#pragma once
// What the command line says instead of a recipe, or on top of it. Pure.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vmimage::recipe {

/// Paths are absolute.
struct Overrides {
  std::optional<std::string> base;                   ///< instead of the recipe's
  std::vector<std::filesystem::path> package_files;  ///< besides the recipe's
};

/// The recipe's text with that in it. Throws Error{Usage} when it is no JSON object.
std::string with_overrides(const std::string& text, const std::string& where, const Overrides& overrides);

/// A recipe for a package that is the service: its name and version.
std::string recipe_of_package(const std::string& name, const std::string& version);

/// A base's name that holds a path ("file:base.qcow2") with that against `folder`.
std::string absolute_base(const std::string& base, const std::filesystem::path& folder);

}  // namespace vmimage::recipe
