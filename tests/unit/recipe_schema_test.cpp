// docs/recipe.schema.json and parse_recipe() say the same of each recipe in tests/unit/recipes:
//   good    both take it
//   bad     both refuse it
//   beyond  only parse_recipe() refuses it: a schema cannot compare one value with another

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "recipe/recipe.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmimage {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kRoot = SOURCE_FOLDER;

std::vector<fs::path> recipes(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(kRoot / "tests/unit/recipes" / folder))
    files.push_back(file.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// Empty when the schema takes the document, else what it says.
std::string schema_complaint(const json& document) {
  const json text = json::parse(support::read_file(kRoot / "docs/recipe.schema.json"));
  valijson::Schema schema;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(text), schema);
  valijson::ValidationResults results;
  if (valijson::Validator().validate(schema, valijson::adapters::NlohmannJsonAdapter(document), &results))
    return {};
  std::string complaint = "refused";
  for (valijson::ValidationResults::Error error; results.popError(error);)
    complaint += "; " + error.description;
  return complaint;
}

/// Empty when parse_recipe() takes the document, else its message.
std::string parser_complaint(const fs::path& file) {
  try {
    recipe::parse_recipe(support::read_file(file), file.filename().string(), file.parent_path());
    return {};
  } catch (const support::Error& error) {
    EXPECT_EQ(2, error.exit_status()) << file;
    return error.what();
  }
}

TEST(RecipeSchema, GoodRecipesAreTakenByBoth) {
  const auto files = recipes("good");
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    EXPECT_EQ("", schema_complaint(json::parse(support::read_file(file)))) << file;
    EXPECT_EQ("", parser_complaint(file)) << file;
  }
}

TEST(RecipeSchema, BadRecipesAreRefusedByBoth) {
  const auto files = recipes("bad");
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    EXPECT_NE("", schema_complaint(json::parse(support::read_file(file)))) << file;
    EXPECT_NE("", parser_complaint(file)) << file;
  }
}

TEST(RecipeSchema, WhatASchemaCannotSayIsRefusedByTheParser) {
  for (const auto& file : recipes("beyond")) {
    EXPECT_EQ("", schema_complaint(json::parse(support::read_file(file)))) << file;
    EXPECT_NE("", parser_complaint(file)) << file;
  }
}

TEST(RecipeSchema, ARefusalNamesTheFileAndTheKey) {
  const auto complaint = parser_complaint(kRoot / "tests/unit/recipes/bad/unknown-key.json");
  EXPECT_EQ("unknown-key.json: /helth: unknown key", complaint);
}

TEST(RecipeSchema, ARecipeCutInHalfIsRefused) {
  const std::string whole = support::read_file(kRoot / "tests/unit/recipes/good/everything.json");
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, whole.size() / 2, whole.size() - 3})
    EXPECT_THROW(recipe::parse_recipe(whole.substr(0, length), "cut.json", "."), support::Error) << length;
}

}  // namespace
}  // namespace vmimage
