#include "recipe/overrides.hpp"

#include "recipe/recipe.hpp"
#include "support/error.hpp"
#include "support/json.hpp"

namespace vmimage::recipe {

using support::json;
namespace fs = std::filesystem;

std::string with_overrides(const std::string& text, const std::string& where, const Overrides& overrides) {
  json document = support::parse_json(text, where);
  if (!document.is_object())
    return text;  // parse_recipe() says so
  if (overrides.base)
    document["base"] = *overrides.base;
  json& files = document["package_files"];
  if (files.is_null())
    files = json::array();
  if (files.is_array())
    for (const auto& file : overrides.package_files)
      files.push_back(file.string());
  return document.dump();
}

std::string recipe_of_package(const std::string& name, const std::string& version) {
  return json{{"version", kRecipeVersion}, {"name", name}, {"image_version", version}}.dump();
}

std::string absolute_base(const std::string& base, const fs::path& folder) {
  if (!base.starts_with(kFileBase))
    return base;
  return kFileBase + (folder / base.substr(kFileBase.size())).lexically_normal().string();
}

}  // namespace vmimage::recipe
