// What the command line says instead of a recipe, or on top of it (generator/recipe/overrides).

#include <gtest/gtest.h>

#include "expect.hpp"
#include "recipe/overrides.hpp"
#include "recipe/recipe.hpp"

namespace vmimage::recipe {
namespace {

template <typename Action>
void expect_invalid(Action action, const std::string& part) {
  const auto error = error_of(action);
  EXPECT_EQ(support::ErrorKind::Usage, error.kind()) << error.what();
  EXPECT_TRUE(contains(error.what(), part)) << error.what();
}

TEST(Overrides, GoOverTheRecipe) {
  const std::string text = R"({"version": 1, "name": "a", "command": ["/bin/a"], "base": "minimal"})";
  const Recipe recipe =
      parse_recipe(with_overrides(text, "a.json", {.base = "debian:trixie", .package_files = {"/x/one.deb"}}),
                   "a.json", "/r");
  EXPECT_EQ("debian:trixie", recipe.base);
  EXPECT_EQ(std::vector<std::filesystem::path>{"/x/one.deb"}, recipe.package_files);
}

TEST(Overrides, PackagesComeAfterThoseOfTheRecipe) {
  const std::string text = R"({"version": 1, "name": "a", "package_files": ["one.deb"]})";
  const Recipe recipe = parse_recipe(
      with_overrides(text, "a.json", {.base = {}, .package_files = {"/x/two.deb"}}), "a.json", "/r");
  EXPECT_EQ((std::vector<std::filesystem::path>{"/r/one.deb", "/x/two.deb"}), recipe.package_files);
}

TEST(Overrides, APackageByItselfIsARecipe) {
  const Recipe recipe = parse_recipe(with_overrides(recipe_of_package("orders", "1:1.4-2"), "--package",
                                                    {.base = {}, .package_files = {"/o.deb"}}),
                                     "--package", "/");
  EXPECT_EQ("orders", recipe.name);
  EXPECT_EQ("1:1.4-2", recipe.version);
  EXPECT_EQ("debian:bookworm", recipe.base);
  EXPECT_TRUE(recipe.command.empty());
}

TEST(Overrides, WhatIsNoRecipeStaysThat) {
  expect_invalid([&] { with_overrides("{", "a.json", {.base = "minimal", .package_files = {}}); }, "a.json");
  EXPECT_EQ("[]", with_overrides("[]", "a.json", {.base = "minimal", .package_files = {}}));
}

TEST(Overrides, ABaseWithAPathIsAgainstAFolder) {
  EXPECT_EQ("minimal", absolute_base("minimal", "/work"));
  EXPECT_EQ("file:/work/base.qcow2", absolute_base("file:base.qcow2", "/work"));
  EXPECT_EQ("file:/base.qcow2", absolute_base("file:/base.qcow2", "/work"));
}

}  // namespace
}  // namespace vmimage::recipe
