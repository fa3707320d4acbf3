// The bill of materials: right by SPDX's own schema, and in what that schema cannot say.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "sbom/spdx.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"

namespace vmimage::sbom {
namespace {

using nlohmann::json;
using recipe::Manifest;

Manifest sample() {
  Manifest manifest;
  manifest.name = "orders-vm";
  manifest.version = "1.4.0";
  manifest.digest = "sha256:aa";
  manifest.base = "debian:bookworm";
  manifest.service = "orders";
  manifest.packages = {{"libc6", "2.36-9", "amd64", "GPL-2.0-only AND LicenseRef-libc6--public-domain"},
                       {"libc6", "2.36-9", "i386", "GPL-2.0-only AND LicenseRef-libc6--public-domain"},
                       {"libc6-2", "1", "all", ""},
                       {"libstdc++6", "1:12.2~rc1+b1", "amd64", "NOASSERTION"}};
  manifest.files = {{"/usr/bin/orders", 3, support::sha256("abc"), support::sha1("abc")},
                    {"/etc/ä \"b\"", 0, support::sha256(""), support::sha1("")},
                    {"/var/lib/orders"}};
  manifest.time = 1700000000;
  return manifest;
}

/// What SPDX's schema says of a document; empty: it is right.
std::string schema_says(const json& document) {
  const json text =
      json::parse(support::read_file(std::string(SOURCE_FOLDER) + "/tests/unit/spdx/spdx-schema.json"));
  valijson::Schema schema;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(text), schema);
  valijson::ValidationResults results;
  valijson::Validator().validate(schema, valijson::adapters::NlohmannJsonAdapter(document), &results);
  std::string said;
  for (valijson::ValidationResults::Error error; results.popError(error);) {
    for (const auto& part : error.context)
      said += part;
    said += ": " + error.description + "\n";
  }
  return said;
}

const json& package_named(const json& document, const std::string& id) {
  for (const auto& package : document.at("packages"))
    if (package.at("SPDXID") == id)
      return package;
  ADD_FAILURE() << "no package " << id;
  return document;
}

TEST(Spdx, IsWhatTheSchemaSays) {
  EXPECT_EQ("", schema_says(json::parse(spdx(sample()))));
  Manifest bare = sample();
  bare.packages.clear();
  bare.files.clear();
  EXPECT_EQ("", schema_says(json::parse(spdx(bare))));
}

TEST(Spdx, TheSchemaIsRead) {
  json document = json::parse(spdx(sample()));
  document["packages"][0].erase("downloadLocation");
  EXPECT_NE("", schema_says(document));
  document = json::parse(spdx(sample()));
  document["invented"] = 1;
  EXPECT_NE("", schema_says(document));
}

TEST(Spdx, EveryIdIsThereOnceAndIsRight) {
  const json document = json::parse(spdx(sample()));
  std::set<std::string> ids{"SPDXRef-DOCUMENT"};
  for (const char* list : {"packages", "files"})
    for (const auto& element : document.at(list)) {
      const std::string id = element.at("SPDXID");
      EXPECT_TRUE(ids.insert(id).second) << id;
      EXPECT_EQ(std::string::npos, id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                                        "0123456789.-"))
          << id;
    }
  EXPECT_EQ(1u + 2 + 4 + 2, ids.size());  // the image, the service, packages, files
  std::set<std::string> related;
  for (const auto& relationship : document.at("relationships")) {
    EXPECT_TRUE(ids.contains(relationship.at("spdxElementId")));
    EXPECT_TRUE(ids.contains(relationship.at("relatedSpdxElement")));
    related.insert(relationship.at("relatedSpdxElement"));
  }
  EXPECT_EQ(ids.size() - 1, related.size());  // all but the document hang on something
}

TEST(Spdx, LicencesAndTheirReferences) {
  const json document = json::parse(spdx(sample()));
  EXPECT_EQ("GPL-2.0-only AND LicenseRef-libc6--public-domain",
            package_named(document, "SPDXRef-Package-libc6").at("licenseDeclared"));
  EXPECT_EQ("NOASSERTION", package_named(document, "SPDXRef-Package-libstdcpp6").at("licenseDeclared"));
  ASSERT_EQ(1u, document.at("hasExtractedLicensingInfos").size());
  EXPECT_EQ("LicenseRef-libc6--public-domain", document["hasExtractedLicensingInfos"][0].at("licenseId"));
  EXPECT_EQ("public-domain", document["hasExtractedLicensingInfos"][0].at("name"));
}

TEST(Spdx, FilesAndTheirVerificationCode) {
  const json document = json::parse(spdx(sample()));
  ASSERT_EQ(2u, document.at("files").size());
  EXPECT_EQ("./usr/bin/orders", document["files"][0].at("fileName"));
  // SPDX 2.3, 7.9: SHA-1 over the files' SHA-1, sorted. Here da39… of nothing is behind a999… of "abc".
  EXPECT_EQ(support::sha1("a9993e364706816aba3e25717850c26c9cd0d89d"
                          "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            package_named(document, "SPDXRef-Service")
                .at("packageVerificationCode")
                .at("packageVerificationCodeValue"));
}

TEST(Spdx, FollowsFromTheManifestAlone) {
  EXPECT_EQ(spdx(sample()), spdx(sample()));
  const json document = json::parse(spdx(sample()));
  EXPECT_EQ("2023-11-14T22:13:20Z", document.at("creationInfo").at("created"));
  Manifest other = sample();
  other.digest = "sha256:ab";
  EXPECT_NE(document.at("documentNamespace"), json::parse(spdx(other)).at("documentNamespace"));
}

TEST(PackageUrl, OfDebianAndUbuntu) {
  EXPECT_EQ("pkg:deb/debian/libstdc%2B%2B6@1%3A12.2~rc1%2Bb1?arch=amd64&distro=bookworm",
            package_url({"libstdc++6", "1:12.2~rc1+b1", "amd64", ""}, "debian:bookworm"));
  EXPECT_EQ("pkg:deb/ubuntu/jq@1?arch=all&distro=noble", package_url({"jq", "1", "all", ""}, "ubuntu:noble"));
  EXPECT_EQ("pkg:deb/ubuntu/jq@1-1ubuntu2?arch=amd64",
            package_url({"jq", "1-1ubuntu2", "amd64", ""}, "file:/base.qcow2"));
  EXPECT_EQ("pkg:deb/debian/jq@1?arch=amd64", package_url({"jq", "1", "amd64", ""}, "minimal"));
}

}  // namespace
}  // namespace vmimage::sbom
