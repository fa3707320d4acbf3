// Reading JSON strictly: each refusal says where and what would be right.

#include <gtest/gtest.h>

#include "expect.hpp"
#include "support/json.hpp"

namespace vmimage::support {
namespace {

std::string refusal(const std::string& text) {
  const auto error = error_of([&] { parse_json(text, "x.json"); });
  EXPECT_EQ(ErrorKind::Usage, error.kind()) << text;
  return error.what();
}

TEST(ParseJson, NamesLineAndColumn) {
  EXPECT_EQ("x.json: line 2, column 8: not valid JSON (unexpected character)", refusal("{\n  \"a\": ]\n}"));
  EXPECT_EQ("x.json: line 1, column 1: not valid JSON (unexpected character)", refusal("hello"));
}

TEST(ParseJson, KnowsACutFile) {
  for (const char* text : {"", "{", "{\"a\": [1, 2", "{\"a\": \"b"})
    EXPECT_TRUE(contains(refusal(text), "the file ends in the middle")) << text;
  EXPECT_TRUE(contains(error_of([] { parse_json("{", "x"); }).hint(), "cut"));
}

TEST(ParseJson, RefusesWhatItCannotHold) {
  refusal("{\"a\": 1e999}");
  refusal("{\"a\": -1e999}");
  refusal("{\"a\": \"\xff\xfe\"}");
  refusal("{\"a\": \"\\ud800\"}");
  refusal(std::string("{\"a\": \"\0\"}", 10));
}

TEST(ParseJson, SurvivesDeepNesting) {
  refusal(std::string(200'000, '['));
  const std::string deep = std::string(50'000, '[') + std::string(50'000, ']');
  EXPECT_TRUE(parse_json(deep, "x").is_array());
}

const json kDocument = json::parse(R"({
  "text": "t", "number": 7, "flag": true, "list": ["a", "b"], "mixed": ["a", 1],
  "inner": {"deep": 1}, "items": [{"n": 1}, {"n": "x"}], "half": 1.5, "huge": 18446744073709551615, "nothing": null
})");

std::string complaint(const std::function<void(Fields&)>& read) {
  const auto error = error_of([&] {
    Fields fields(kDocument, "x.json");
    read(fields);
  });
  EXPECT_EQ(ErrorKind::Usage, error.kind());
  return error.what();
}

TEST(Fields, GiveWhatIsThere) {
  Fields fields(kDocument, "x.json");
  EXPECT_EQ("t", fields.string("text"));
  EXPECT_EQ("t", fields.string("text", "other"));
  EXPECT_EQ("other", fields.string("absent", "other"));
  EXPECT_EQ(7, fields.integer("number", 7, 7));
  EXPECT_EQ(3, fields.integer("absent", 1, 2, 3));
  EXPECT_TRUE(fields.boolean("flag", false));
  EXPECT_TRUE(fields.boolean("absent", true));
  EXPECT_EQ((std::vector<std::string>{"a", "b"}), fields.strings("list"));
  EXPECT_TRUE(fields.strings("absent").empty());
  EXPECT_TRUE(fields.objects("absent").empty());
  EXPECT_EQ(1, fields.object("inner").integer("deep", 0, 9));
}

TEST(Fields, SayWhereAndWhatIsWrong) {
  EXPECT_EQ("x.json: /absent: is missing", complaint([](Fields& f) { f.string("absent"); }));
  EXPECT_EQ("x.json: /number: must be a string, is number", complaint([](Fields& f) { f.string("number"); }));
  EXPECT_EQ("x.json: /nothing: must be a string, is null",
            complaint([](Fields& f) { f.string("nothing", "d"); }));
  EXPECT_EQ("x.json: /half: must be a whole number, is number",
            complaint([](Fields& f) { f.integer("half", 0, 9); }));
  EXPECT_EQ("x.json: /number: is 7, must be from 8 to 9",
            complaint([](Fields& f) { f.integer("number", 8, 9); }));
  EXPECT_EQ("x.json: /huge: is 18446744073709551615, must be at most 9",
            complaint([](Fields& f) { f.integer("huge", 0, 9); }));
  EXPECT_EQ("x.json: /text: must be true or false, is string",
            complaint([](Fields& f) { f.boolean("text", true); }));
  EXPECT_EQ("x.json: /text: must be a list of strings, is string",
            complaint([](Fields& f) { f.strings("text"); }));
  EXPECT_EQ("x.json: /mixed/1: must be a string, is number",
            complaint([](Fields& f) { f.strings("mixed"); }));
  EXPECT_EQ("x.json: /inner/deep: must be a string, is number",
            complaint([](Fields& f) { f.object("inner").string("deep"); }));
  EXPECT_EQ("x.json: /items/1/n: must be a whole number, is string", complaint([](Fields& f) {
              for (Fields& item : f.objects("items"))
                item.integer("n", 0, 9);
            }));
  EXPECT_EQ("x.json: /list/0: must be an object, is string", complaint([](Fields& f) { f.objects("list"); }));
  EXPECT_EQ("x.json: /text: must be an object, is string", complaint([](Fields& f) { f.object("text"); }));
}

TEST(Fields, ADocumentThatIsNoObjectIsRefused) {
  const json list = json::array();
  EXPECT_STREQ("x: /: must be an object, is array", error_of([&] { Fields(list, "x"); }).what());
}

TEST(Fields, UnknownKeysGetASuggestion) {
  const json document{{"helth", 1}};
  Fields fields(document, "x");
  fields.has("health");
  fields.has("name");
  const auto error = error_of([&] { fields.finish(); });
  EXPECT_STREQ("x: /helth: unknown key", error.what());
  EXPECT_EQ("did you mean 'health'?", error.hint());
}

TEST(Fields, AskedForKeysAreKnown) {
  const json document{{"a", "x"}, {"b", 1}};
  Fields fields(document, "x");
  fields.string("a");
  fields.integer("b", 0, 1, 0);
  fields.string("c", "");
  fields.finish();
}

TEST(Fields, OneVersionIsRead) {
  const auto refused = [](const json& version) {
    const json document{{"version", version}};
    return error_of([&] { Fields(document, "x").require_version(2, "recipe"); });
  };
  EXPECT_STREQ("x: /version: this recipe has version 3, this program reads version 2", refused(3).what());
  EXPECT_EQ("use a newer VMImage", refused(3).hint());
  EXPECT_EQ("make it again with this VMImage", refused(1).hint());
  refused("2");
  refused(2.5);
  refused(-2);
  const json good{{"version", 2}};
  Fields(good, "x").require_version(2, "recipe");
}

TEST(Nearest, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string> known{"health", "environment", "ports", "cpus"};
  EXPECT_EQ("health", nearest("helth", known));
  EXPECT_EQ("environment", nearest("enviroments", known));
  EXPECT_EQ("ports", nearest("port", known));
  EXPECT_EQ("", nearest("colour", known));
  EXPECT_EQ("", nearest("x", {}));
}

}  // namespace
}  // namespace vmimage::support
