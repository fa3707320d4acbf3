// The lock: what is written is read again, what is damaged is refused, docs/lock.schema.json says the same.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "expect.hpp"
#include "recipe/lock.hpp"
#include "support/file.hpp"

namespace vmimage::recipe {
namespace {

using nlohmann::json;

Pin pin(const std::string& name, const std::string& version) {
  return {.name = name,
          .version = version,
          .architecture = "amd64",
          .sha256 = std::string(64, 'b'),
          .size = 1000,
          .file = "pool/main/" + name + ".deb",
          .archive = "bookworm"};
}

Lock sample() {
  Lock lock;
  lock.base = "debian:bookworm";
  lock.requested = {"jq"};
  lock.archives = {{"bookworm", "Sat, 11 Jul 2026 10:16:37 UTC", std::string(64, 'c')}};
  lock.base_packages = {pin("bash", "5.2.15-2+b7"), pin("perl-base", "5.36.0-7+deb12u4")};
  lock.base_packages[1].security = true;
  lock.added_packages = {pin("jq", "1:1.6-2.1~rc1")};
  lock.boot_packages = {pin("busybox-static", "1:1.35.0-4")};
  return lock;
}

bool schema_takes(const json& document) {
  const json text = json::parse(support::read_file(std::string(SOURCE_FOLDER) + "/docs/lock.schema.json"));
  valijson::Schema schema;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(text), schema);
  return valijson::Validator().validate(schema, valijson::adapters::NlohmannJsonAdapter(document), nullptr);
}

TEST(Lock, WhatIsWrittenIsReadAgain) {
  const std::string text = to_json(sample());
  const Lock read = parse_lock(text, "a.json");
  EXPECT_EQ(text, to_json(read));
  EXPECT_EQ(sample().base_packages, read.base_packages);
  EXPECT_EQ(lock_digest(sample()), lock_digest(read));
  EXPECT_TRUE(schema_takes(json::parse(text)));
}

TEST(Lock, ProgramAndSchemaRefuseTheSame) {
  const auto refused = [](const std::string& pointer, const json& value, const std::string& reason) {
    json document = json::parse(to_json(sample()));
    document[json::json_pointer(pointer)] = value;
    const auto error = error_of([&] { parse_lock(document.dump(), "a.json"); });
    EXPECT_EQ(2, error.exit_status()) << pointer;
    EXPECT_TRUE(contains(error.what(), "a.json")) << error.what();
    EXPECT_TRUE(contains(error.what(), reason)) << error.what();
    EXPECT_FALSE(schema_takes(document)) << pointer;
  };
  refused("/version", 2, "version");
  refused("/base", "", "base");
  refused("/base", 7, "base");
  refused("/unknown", true, "unknown");
  refused("/requested", json::array({"--force"}), "--force");
  refused("/archives/0/sha256", "0123", "SHA-256");
  refused("/packages", json::array(), "packages");
  refused("/packages/base/0/sha256", std::string(64, 'G'), "SHA-256");
  refused("/packages/base/0/name", "-o", "-o");
  refused("/packages/base/0/name", "a b", "a b");
  refused("/packages/base/0/version", "", "version");
  refused("/packages/base/0/version", "1;reboot", "1;reboot");
  refused("/packages/base/0/size", 0, "size");
  refused("/packages/base/0/size", "1000", "size");
  refused("/packages/base/0/file", "/etc/passwd", "/etc/passwd");
  refused("/packages/base/0/security", "yes", "security");
  refused("/packages/boot/0/archive", "a b", "a b");
}

TEST(Lock, WhatASchemaCannotSayIsRefusedToo) {
  Lock lock = sample();
  std::swap(lock.base_packages[0], lock.base_packages[1]);
  EXPECT_TRUE(contains(error_of([&] { parse_lock(to_json(lock), "a"); }).what(), "not behind"));
  lock = sample();
  lock.base_packages[1] = lock.base_packages[0];
  EXPECT_TRUE(contains(error_of([&] { parse_lock(to_json(lock), "a"); }).what(), "not behind"));
  lock = sample();
  lock.added_packages = {pin("bash", "1")};
  EXPECT_TRUE(contains(error_of([&] { parse_lock(to_json(lock), "a"); }).what(), "'bash'"));
  lock = sample();
  lock.base_packages[0].file = "pool/../../etc/passwd";
  EXPECT_TRUE(contains(error_of([&] { parse_lock(to_json(lock), "a"); }).what(), "leads out"));
}

TEST(Lock, TheDigestFollowsThePackagesAlone) {
  const std::string digest = lock_digest(sample());
  Lock lock = sample();
  lock.archives[0].date = "Sun, 12 Jul 2026 10:16:37 UTC";
  EXPECT_EQ(digest, lock_digest(lock));
  lock.added_packages[0].sha256[0] = '0';
  EXPECT_NE(digest, lock_digest(lock));
  lock = sample();
  lock.boot_packages.push_back(lock.added_packages[0]);
  lock.added_packages.clear();
  EXPECT_NE(digest, lock_digest(lock));
}

TEST(Moves, SecurityUpdatesGoFirst) {
  std::vector<Pin> before{pin("a", "1"), pin("b", "1"), pin("c", "1"), pin("gone", "1")};
  std::vector<Pin> after{pin("a", "2"), pin("b", "1"), pin("c", "2"), pin("new", "3")};
  after[2].security = true;
  const auto list = moves(before, after);
  ASSERT_EQ(4u, list.size());
  EXPECT_EQ("c", list[0].name);
  EXPECT_TRUE(list[0].security);
  EXPECT_EQ("a", list[1].name);
  EXPECT_EQ("1", list[1].from);
  EXPECT_EQ("2", list[1].to);
  EXPECT_EQ("gone", list[2].name);
  EXPECT_EQ("", list[2].to);
  EXPECT_EQ("new", list[3].name);
  EXPECT_EQ("", list[3].from);
  EXPECT_TRUE(moves(before, before).empty());
}

}  // namespace
}  // namespace vmimage::recipe
