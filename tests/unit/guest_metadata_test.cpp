// guest/programs/metadata.cpp, run as it is in images, and docs/user-data.schema.json say the same of user
// data.

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "guest/guest.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::guest {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// What the program makes of files as they are on a config drive.
class Handed {
 public:
  Handed(const std::string& user_data, const std::string& meta_data) {
    const fs::path program = folder_.path() / "metadata";
    support::write_file_atomic(program, std::string(file("metadata")), 0755);
    support::write_file_atomic(folder_.path() / "user_data", user_data);
    support::write_file_atomic(folder_.path() / "meta_data.json", meta_data);
    const auto result = support::run({.argv = {program, "files", folder_.path() / "user_data",
                                               folder_.path() / "meta_data.json", folder_.path() / "out"}});
    EXPECT_TRUE(result.ok()) << user_data;
    said = result.err;
  }

  /// Content of a file, or "none".
  std::string operator[](const std::string& name) const {
    const fs::path path = folder_.path() / "out" / name;
    return fs::exists(path) ? support::read_file(path) : "none";
  }

  std::string said;

 private:
  support::TempDir folder_;
};

bool schema_takes(const std::string& document) {
  const json parsed = json::parse(document, nullptr, false);
  if (parsed.is_discarded())
    return false;
  const json text =
      json::parse(support::read_file(std::string(SOURCE_FOLDER) + "/docs/user-data.schema.json"));
  valijson::Schema schema;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(text), schema);
  return valijson::Validator().validate(schema, valijson::adapters::NlohmannJsonAdapter(parsed), nullptr);
}

TEST(Metadata, SettingsSecretsAndHostName) {
  const Handed handed(
      R"({"vmimage": 1, "environment": {"A": "\"a\" = \u00fc\ud83d\ude00 \\n", "B": ""},
          "secrets": {"db": "Z2VoZWlt", "none": "", "key.bin": "AP8="}})",
      R"({"uuid": "x", "numbers": [0, -1.5e+3, true, null, {}], "hostname": "orders-1.example"})");
  EXPECT_EQ("", handed.said);
  EXPECT_EQ("A=\"a\" = \xc3\xbc\xf0\x9f\x98\x80 \\n\nB=\n", handed["environment/raw"]);
  EXPECT_EQ("geheim", handed["secret/db/raw"]);
  EXPECT_EQ("", handed["secret/none/raw"]);
  EXPECT_EQ(std::string("\0\xff", 2), handed["secret/key.bin/raw"]);
  EXPECT_EQ("orders-1", handed["hostname/raw"]);
}

TEST(Metadata, GoodDocumentsAreTakenByProgramAndSchema) {
  for (const char* document : {R"({"vmimage": 1})", R"({"secrets": {}, "vmimage":1,"environment":{}})",
                               R"({"vmimage": 1, "environment": {"_a1": "\t"}, "secrets": {"a": "YQ=="}})"}) {
    EXPECT_TRUE(schema_takes(document)) << document;
    EXPECT_EQ("", Handed(document, "{}").said) << document;
  }
}

TEST(Metadata, BadDocumentsAreRefusedByBothAndNothingOfThemIsTaken) {
  std::string many = R"({"vmimage": 1, "environment": {"A": "a"}, "secrets": {)";
  for (int i = 0; i <= 64; ++i)
    many += (i ? ", \"s" : "\"s") + std::to_string(i) + "\": \"\"";
  many += "}}";
  const std::string deep = R"({"vmimage": 1, "x": )" + std::string(5000, '[') + std::string(5000, ']') + "}";
  for (const std::string& document :
       {std::string("#cloud-config\n"),
        std::string("#!/bin/sh\n"),
        std::string("[]"),
        std::string("{}"),
        many,
        deep,
        std::string(R"({"vmimage": 2, "environment": {"A": "a"}})"),
        std::string(R"({"vmimage": "1"})"),
        std::string(R"({"environment": {"A": "a"}, "vmimage": 1, "enviroment": {}})"),
        std::string(R"({"environment": {"A": "a"}, "vmimage": 1)"),
        std::string(R"({"environment": {"A": "a"}, "vmimage": 1} x)"),
        std::string(R"({"environment": {"A": "a"}, "vmimage": 1,})"),
        std::string(R"({"vmimage": 1, "environment": []})"),
        std::string(R"({"vmimage": 1, "environment": {"A": "a", "B": 1}})"),
        std::string(R"({"vmimage": 1, "environment": {"A": "a", "B": "b\nC=c"}})"),
        std::string(R"({"vmimage": 1, "environment": {"A": "a", "1": "b"}})"),
        std::string(R"({"vmimage": 1, "environment": {"A": "a", "": "b"}})"),
        std::string(R"({"vmimage": 1, "environment": {"A": "a\)"),
        std::string(R"({"vmimage": 1, "environment": {"A": "\ud8)"),
        std::string(R"({"environment": {"A": "a"}, "vmimage": 1, "secrets": {"../x": "YQ=="}})"),
        std::string(R"({"environment": {"A": "a"}, "vmimage": 1, "secrets": {"x": "YQ="}})"),
        std::string(R"({"environment": {"A": "a"}, "vmimage": 1, "secrets": {"x": "Y Q="}})"),
        std::string(R"({"environment": {"A": "a"}, "vmimage": 1, "secrets": {"x": "YQ==YQ=="}})"),
        std::string(R"({"environment": {"A": "a"}, "vmimage": 1, "secrets": {"x": null}})")}) {
    EXPECT_FALSE(schema_takes(document)) << document;
    const Handed handed(document, R"({"hostname": "orders-1"})");
    EXPECT_NE(std::string::npos, handed.said.find("vmimage: the user data is ignored: ")) << document;
    EXPECT_EQ("none", handed["environment/raw"]) << document;
    EXPECT_EQ("orders-1", handed["hostname/raw"]) << document;
  }
}

TEST(Metadata, HostNames) {
  for (const char* name : {"", ".x", "a b", "\\u0000", "a/b"})
    EXPECT_EQ("none", Handed("", std::string(R"({"hostname": ")") + name + "\"}")["hostname/raw"]) << name;
  EXPECT_EQ("none", Handed("", R"({"hostname": ")" + std::string(64, 'a') + "\"}")["hostname/raw"]);
  EXPECT_EQ(std::string(63, 'a'),
            Handed("", R"({"hostname": ")" + std::string(63, 'a') + ".b\"}")["hostname/raw"]);
}

}  // namespace
}  // namespace vmimage::guest
