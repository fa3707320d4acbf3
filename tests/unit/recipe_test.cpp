// Recipes: defaults, what is read, and that no input does worse than being refused. What is refused, key by
// key, is in recipes/bad (recipe_schema_test.cpp).

#include "recipe/recipe.hpp"

#include <gtest/gtest.h>

#include "expect.hpp"
#include "support/file.hpp"

namespace vmimage::recipe {
namespace {

using support::ErrorKind;
using support::json;

Recipe parse(const json& document) {
  return parse_recipe(document.dump(), "r.json", "/work/project");
}

json smallest() {
  return {{"version", 1}, {"name", "orders-vm"}, {"command", {"/usr/bin/Orders.Server"}}};
}

support::Error refusal(const json& document) {
  const auto error = error_of([&] { parse(document); });
  EXPECT_EQ(ErrorKind::Usage, error.kind()) << error.what();
  EXPECT_TRUE(std::string(error.what()).starts_with("r.json: ")) << error.what();
  return error;
}

support::Error refusal(const std::string& key, const json& value) {
  json document = smallest();
  document[key] = value;
  return refusal(document);
}

TEST(Recipe, HasDefaultsForAllButThree) {
  const Recipe recipe = parse(smallest());
  EXPECT_EQ("orders-vm", recipe.name);
  EXPECT_EQ("0", recipe.version);
  EXPECT_EQ("debian:bookworm", recipe.base);
  EXPECT_EQ((std::vector<std::string>{"/usr/bin/Orders.Server"}), recipe.command);
  EXPECT_EQ("Orders.Server", recipe.service);
  EXPECT_EQ("orders_server", recipe.user);
  EXPECT_EQ(1, recipe.size.cpus);
  EXPECT_EQ(256ull << 20, recipe.size.memory);
  EXPECT_FALSE(recipe.disk);
  EXPECT_FALSE(recipe.mirror);
  EXPECT_EQ((std::vector<std::string>{"qcow2"}), recipe.formats);
  EXPECT_EQ(HealthType::None, recipe.health.type);
  EXPECT_TRUE(recipe.ports.empty() && recipe.trees.empty() && recipe.files.empty() &&
              recipe.packages.empty() && recipe.environment.empty());
}

TEST(Recipe, SecureBootTakesBothFilesAgainstTheFolder) {
  json document = smallest();
  EXPECT_FALSE(parse(document).secure_boot);
  document["secure_boot_key"] = "../keys/key.pem";
  EXPECT_TRUE(contains(refusal(document).what(), "secure_boot_certificate"));
  document["secure_boot_certificate"] = "/etc/keys/certificate.pem";
  const auto files = parse(document).secure_boot;
  ASSERT_TRUE(files);
  EXPECT_EQ("/work/keys/key.pem", files->key);
  EXPECT_EQ("/etc/keys/certificate.pem", files->certificate);
  document.erase("secure_boot_key");
  EXPECT_TRUE(contains(refusal(document).what(), "secure_boot_key"));
}

TEST(Recipe, TheMinimalBaseTakesHalfTheMemory) {
  json document = smallest();
  document["base"] = "minimal";
  EXPECT_EQ(128ull << 20, parse(document).size.memory);
  document["memory"] = "1G";
  EXPECT_EQ(1ull << 30, parse(document).size.memory);
}

TEST(Recipe, PackagesAloneGiveAServiceNamedAsTheImage) {
  const Recipe recipe = parse({{"version", 1}, {"name", "cache-vm"}, {"packages", {"redis-server"}}});
  EXPECT_TRUE(recipe.command.empty());
  EXPECT_EQ("cache-vm", recipe.service);
}

TEST(Recipe, PathsAreAgainstItsFolder) {
  json document = smallest();
  document["trees"] = {"stage", "/abs/stage", "../up/./x"};
  document["files"] = {{{"source", "a b.conf"}, {"destination", "/etc/a b.conf"}}};
  const Recipe recipe = parse(document);
  EXPECT_EQ((std::vector<std::filesystem::path>{"/work/project/stage", "/abs/stage", "/work/up/x"}),
            recipe.trees);
  EXPECT_EQ("/work/project/a b.conf", recipe.files.at(0).source);
  EXPECT_EQ("/etc/a b.conf", recipe.files.at(0).destination);
}

TEST(Recipe, ANewerVersionIsRefusedInOneLine) {
  const auto error = refusal("version", 2);
  EXPECT_STREQ("r.json: /version: this recipe has version 2, this program reads version 1", error.what());
  EXPECT_EQ("use a newer VMImage", error.hint());
}

TEST(Recipe, AnUnknownKeyGetsASuggestion) {
  EXPECT_EQ("did you mean 'memory'?", refusal("memroy", "1G").hint());
  EXPECT_EQ("did you mean 'packages'?", refusal("package", json::array()).hint());
  EXPECT_EQ("", refusal("colour", 1).hint());
}

TEST(Recipe, AnUnknownFormatGetsASuggestion) {
  const auto error = refusal("formats", {"qcow"});
  EXPECT_STREQ("r.json: /formats: unknown format 'qcow'", error.what());
  EXPECT_EQ("did you mean 'qcow2'?", error.hint());
}

TEST(Recipe, TheKeyIsNamed) {
  EXPECT_TRUE(contains(refusal("memory", "lots").what(), "/memory: invalid size 'lots'"));
  EXPECT_TRUE(contains(refusal("environment", {{"A B", "x"}}).what(), "/environment/A B: "));
  EXPECT_TRUE(contains(refusal("files", {{{"source", "x"}, {"destination", "/a/../b"}}}).what(),
                       "/files/0/destination: '/a/../b' is no absolute path"));
  EXPECT_TRUE(contains(refusal("files", {{{"source", "x"}, {"destination", "/a"}, {"mod", 1}}}).what(),
                       "/files/0/mod: unknown key"));
}

TEST(Recipe, WhatWouldBreakALineOfTheUnitIsRefused) {
  refusal("command", {"/usr/bin/a", "b\nExecStartPre=/bin/x"});
  refusal("environment", {{"A", "b\nUser=root"}});
  refusal("image_version", "1\nUser=root");
  refusal("image_version", std::string("1\0", 2));
  refusal("mirror", "http://archive/debian\ndeb http://other/debian");
  refusal("service", "a\nb");
  refusal("user", "a\nb");
  refusal("name", "a\n");
}

// std::regex recurses once per character: such a text must not reach it.
TEST(Recipe, AVeryLongTextIsRefusedNotOverflowed) {
  const std::string text(2'000'000, 'a');
  for (const char* key : {"name", "service", "user", "base", "image_version"})
    refusal(key, text);
  refusal("base", "debian:" + text);
  refusal("packages", {text});
  refusal("environment", {{text, "x"}});
  refusal("memory", text);
  refusal("ports", {std::string(1'000'000, '1')});
}

TEST(Recipe, ALongEnvironmentValueIsTaken) {
  json document = smallest();
  document["environment"] = {{"CERTIFICATE", std::string(20'000, 'x')}};
  EXPECT_EQ(20'000u, parse(document).environment.at("CERTIFICATE").size());
}

TEST(Recipe, CutAnywhereItIsInvalidInput) {
  const std::string whole = support::read_file(SOURCE_FOLDER "/tests/unit/recipes/good/everything.json");
  const auto end = whole.find_last_of('}');
  for (std::size_t length = 0; length <= end; ++length)
    EXPECT_EQ(ErrorKind::Usage, error_of([&] { parse_recipe(whole.substr(0, length), "cut", "/"); }).kind());
}

// Any byte replaced by some others: taken or refused as invalid input, never anything else.
TEST(Recipe, WithAnyByteChangedItIsTakenOrInvalid) {
  const std::string whole = support::read_file(SOURCE_FOLDER "/tests/unit/recipes/good/everything.json");
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const char other : {'\0', '\xff', '"', '9', '-', '{', '\\'}) {
      std::string changed = whole;
      changed[at] = other;
      try {
        parse_recipe(changed, "changed", "/");
      } catch (const support::Error& error) {
        EXPECT_EQ(ErrorKind::Usage, error.kind()) << at << " " << error.what();
      }
    }
}

// Every value replaced by every kind of value.
TEST(Recipe, WithAnyValueOfAnotherTypeItIsTakenOrInvalid) {
  const json whole =
      json::parse(support::read_file(SOURCE_FOLDER "/tests/unit/recipes/good/everything.json"));
  const json flat = whole.flatten();
  for (const auto& item : flat.items())
    for (const json& other :
         {json(), json(true), json(-1), json(1.5), json(1e300), json(UINT64_MAX), json(""), json("x"),
          json::array(), json::array({json::array()}), json::object()}) {
      for (auto pointer = json::json_pointer(item.key()); !pointer.empty();
           pointer = pointer.parent_pointer()) {
        json changed = whole;
        changed[pointer] = other;
        try {
          parse(changed);
        } catch (const support::Error& error) {
          EXPECT_EQ(ErrorKind::Usage, error.kind()) << pointer.to_string() << " " << error.what();
        }
      }
    }
}

TEST(DefaultUser, IsWhatUseraddTakes) {
  EXPECT_EQ("orders", default_user("orders"));
  EXPECT_EQ("orders_server_2", default_user("Orders.Server 2"));
  EXPECT_EQ("_7zip", default_user("7zip"));
  EXPECT_EQ("_-x", default_user("-x"));
  EXPECT_EQ("_", default_user(""));
  EXPECT_EQ(31u, default_user(std::string(100, 'a')).size());
  EXPECT_EQ("__", default_user("\xc3\xa4"));
}

}  // namespace
}  // namespace vmimage::recipe
