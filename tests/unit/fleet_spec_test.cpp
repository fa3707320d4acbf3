// docs/fleet-spec.schema.json and parse_spec() say the same of each spec in tests/unit/fleets:
//   good    both take it
//   bad     both refuse it
//   beyond  only parse_spec() refuses it: a schema cannot compare sizes

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "fleet/spec.hpp"
#include "fleet/system.hpp"
#include "recipe/settings.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::fleet {
namespace {

using vmimage::recipe::parse_setting;

namespace fs = std::filesystem;
using nlohmann::json;
using vmimage::support::Error;
using vmimage::support::read_file;

const fs::path kRoot = SOURCE_FOLDER;

std::vector<fs::path> specs(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(kRoot / "tests/unit/fleets" / folder))
    files.push_back(file.path());
  EXPECT_FALSE(files.empty());
  return files;
}

bool schema_takes(const fs::path& file) {
  const json text = json::parse(read_file(kRoot / "docs/fleet-spec.schema.json"));
  const json document = json::parse(read_file(file));
  valijson::Schema schema;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(text), schema);
  return valijson::Validator().validate(schema, valijson::adapters::NlohmannJsonAdapter(document), nullptr);
}

/// Empty when parse_spec() takes the text, else its message.
std::string complaint(const std::string& text) {
  try {
    if (is_system(text))
      parse_system(text, "spec.json", "/folder");
    else
      parse_spec(text, "spec.json", "/folder");
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(2, error.exit_status());
    return error.what();
  }
}

TEST(FleetSpec, SchemaAndParserAgree) {
  for (const auto& file : specs("good")) {
    EXPECT_TRUE(schema_takes(file)) << file;
    EXPECT_EQ("", complaint(read_file(file))) << file;
  }
  for (const auto& file : specs("bad")) {
    EXPECT_FALSE(schema_takes(file)) << file;
    EXPECT_NE("", complaint(read_file(file))) << file;
  }
  for (const auto& file : specs("beyond")) {
    EXPECT_TRUE(schema_takes(file)) << file;
    EXPECT_NE("", complaint(read_file(file))) << file;
  }
}

TEST(FleetSpec, EverythingIsRead) {
  const Spec spec =
      parse_spec(read_file(kRoot / "tests/unit/fleets/good/everything.json"), "spec.json", "/folder");
  EXPECT_EQ("orders-1.x_y", spec.name);
  EXPECT_EQ("/build/orders-vm.qcow2", spec.image);
  EXPECT_EQ(100, spec.count);
  EXPECT_EQ("a=b \"c\" ü", spec.environment.at("_x1"));
  EXPECT_EQ("/folder/secrets/db", spec.secrets.at("db-password"));
  EXPECT_EQ("/etc/orders/tls.key", spec.secrets.at("tls.key"));
  EXPECT_EQ(8080, spec.port);
  EXPECT_EQ(2, spec.cpus);
  EXPECT_EQ(1536ull << 20, spec.memory);
  EXPECT_TRUE(spec.overcommit);
  EXPECT_FALSE(spec.warm);
  EXPECT_EQ(2, spec.warm_pool);
  EXPECT_TRUE(spec.network.host_loopback);
  EXPECT_TRUE(spec.network.ipv6);
}

TEST(FleetSpec, WhatIsWrittenIsReadAgain) {
  for (const auto& file : specs("good")) {
    if (is_system(read_file(file)))
      continue;
    const Spec spec = parse_spec(read_file(file), "spec.json", "/folder");
    EXPECT_EQ(spec, parse_spec(to_json(spec), "again", "/elsewhere")) << file;
  }
}

TEST(FleetSpec, ARefusalNamesFileAndKey) {
  EXPECT_EQ("spec.json: /cuont: unknown key", complaint(R"({"version": 1, "image": "a", "cuont": 3})"));
  EXPECT_EQ("spec.json: /environment/A-B: 'A-B' is no name of an environment variable",
            complaint(R"({"version": 1, "image": "a", "environment": {"A-B": ""}})"));
}

TEST(FleetSpec, ASpecCutOffIsRefused) {
  const std::string whole = read_file(kRoot / "tests/unit/fleets/good/everything.json");
  for (std::size_t length = 0; length + 2 < whole.size(); length += 7)
    EXPECT_NE("", complaint(whole.substr(0, length))) << length;
}

TEST(FleetSpec, ASpecIsToldFromAManifest) {
  EXPECT_TRUE(is_spec(R"({"version": 1, "image": "a"})"));
  EXPECT_FALSE(is_spec(R"({"version": 1, "name": "a", "digest": "sha256:0", "boot": {"image": "x"}})"));
  EXPECT_FALSE(is_spec("[]"));
  EXPECT_FALSE(is_spec("{"));
}

std::vector<std::string> names_of(const System& system) {
  std::vector<std::string> names;
  for (const auto& spec : system)
    names.push_back(spec.name);
  return names;
}

TEST(FleetSystem, EachComesAfterThoseThatItRefersTo) {
  const System system =
      parse_system(read_file(kRoot / "tests/unit/fleets/good/fleets.json"), "fleets.json", "/folder");
  EXPECT_EQ((std::vector<std::string>{"y.db", "orders", "a-gateway", "z"}), names_of(system));
  const auto address = [](const std::string& fleet) { return "10.0.2.2:" + std::to_string(fleet.size()); };
  const Spec orders = resolve(system[1], address);
  EXPECT_EQ("postgresql://10.0.2.2:4/orders?x=10.0.2.2:4", orders.environment.at("DATABASE"));
  EXPECT_EQ("${HOME} $ $x", orders.environment.at("LITERAL"));
  EXPECT_EQ("/folder/orders.qcow2", orders.image);
}

std::string with_environment(const std::string& a, const std::string& b) {
  const std::string rest = R"(", "network": {"host_loopback": true}, "environment": {"X": ")";
  return R"({"version": 1, "fleets": {"a": {"image": "a)" + rest + a + R"("}}, "b": {"image": "b)" + rest +
         b + R"("}}}})";
}

TEST(FleetSystem, ReferencesThatCannotBeAreRefused) {
  EXPECT_EQ("", complaint(with_environment("${b.address}", "")));
  EXPECT_EQ("spec.json: /fleets/a: there is no fleet 'c' in this document",
            complaint(with_environment("${c.address}", "")));
  EXPECT_EQ("spec.json: /fleets: fleets wait for one another: a needs b needs a",
            complaint(with_environment("${b.address}", "${a.address}")));
  EXPECT_EQ("spec.json: /fleets: fleets wait for one another: a needs a",
            complaint(with_environment("${a.address}", "")));
  EXPECT_EQ("spec.json: /fleets/a: '${b}' is no reference to a fleet",
            complaint(with_environment("${b}", "")));
  EXPECT_EQ("spec.json: /fleets/a: '${b.address' has no end",
            complaint(with_environment("x${b.address", "")));
  EXPECT_NE("", complaint(R"({"version": 1, "fleets": {"a": {"image": "a"},
    "b": {"image": "b", "environment": {"X": "${a.address}"}}}})"));
}

TEST(FleetSpec, DefaultNamesAreNames) {
  EXPECT_EQ("hello", default_name("hello"));
  EXPECT_EQ("g", default_name("g++"));
  EXPECT_EQ("fleet", default_name("+++"));
  EXPECT_EQ(48u, default_name(std::string(200, 'x')).size());
  EXPECT_EQ(48u, default_name(std::string(50'000'000, 'x')).size()) << "of any length, at once";
  for (const std::string service : {"hello", "g++", "-x-", "a b", "ü", "", ".hidden"})
    EXPECT_NO_THROW(check_name(default_name(service))) << service;
}

TEST(FleetSpec, SettingsOfTheCommandLine) {
  EXPECT_EQ(std::pair(std::string("A"), std::string("b=c")), parse_setting("A=b=c"));
  EXPECT_EQ(std::pair(std::string("A"), std::string()), parse_setting("A="));
  for (const std::string wrong : {"A", "=b", "1A=b", "A B=c", "A=b\nc", ""})
    EXPECT_THROW(parse_setting(wrong), Error) << wrong;
  EXPECT_THROW(parse_setting(std::string(1'000'000, 'A') + "=b"), Error) << "the name is too long to match";
}

}  // namespace
}  // namespace vmfleet::fleet
