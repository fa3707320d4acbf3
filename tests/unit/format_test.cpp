// The table of formats.

#include "format/format.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/apt.hpp"
#include "expect.hpp"
#include "support/file.hpp"

namespace vmimage::format {
namespace {

TEST(Format, NamesAndExtensionsAreUnique) {
  std::set<std::string> names, extensions;
  for (const auto& format : all()) {
    EXPECT_TRUE(names.insert(format.name).second);
    EXPECT_TRUE(extensions.insert(format.extension).second);
    EXPECT_EQ('.', format.extension.at(0));
    EXPECT_EQ(&format, &find(format.name));
  }
  EXPECT_TRUE(names.contains("qcow2"));
}

TEST(Format, TheSchemaKnowsThemAll) {
  const auto schema = nlohmann::json::parse(support::read_file(SOURCE_FOLDER "/docs/recipe.schema.json"));
  std::vector<std::string> names;
  for (const auto& format : all())
    names.push_back(format.name);
  EXPECT_EQ(names,
            schema.at("properties").at("formats").at("items").at("enum").get<std::vector<std::string>>());
}

TEST(Format, AnUnknownNameIsInvalidInput) {
  const auto near = error_of([] { find("qcow"); });
  EXPECT_EQ(support::ErrorKind::Usage, near.kind());
  EXPECT_STREQ("unknown format 'qcow'", near.what());
  EXPECT_EQ("did you mean 'qcow2'?", near.hint());
  EXPECT_EQ("known are qcow2, qcow2-zstd, raw, vmdk, ova, vdi, vhd, vhdx, gce, raw.gz",
            error_of([] { find("parallels"); }).hint());
  error_of([] { find(""); });
  error_of([] { find("QCOW2"); });
}

}  // namespace
}  // namespace vmimage::format

namespace vmimage::base {
namespace {

using Lines = std::vector<std::string>;

TEST(SourcesForSuite, AreWhereTheHostHasItsOwnFrom) {
  const std::string targets =
      "http://archive.example/debian/ bookworm\nhttp://archive.example/debian/ bookworm-updates\n"
      "http://security.example/debian-security bookworm-security\n";
  EXPECT_EQ((Lines{"deb http://archive.example/debian trixie main",
                   "deb http://archive.example/debian trixie-updates main",
                   "deb http://security.example/debian-security trixie-security main"}),
            sources_for_suite(targets, {"debian", "trixie"}));
  EXPECT_EQ((Lines{"deb http://archive.example/debian sid main"}),
            sources_for_suite(targets, {"debian", "sid"}));
}

TEST(SourcesForSuite, OtherArchivesAreLeftAlone) {
  EXPECT_EQ((Lines{"deb http://a.example/debian bookworm main",
                   "deb http://a.example/debian bookworm-updates main"}),
            sources_for_suite("https://packages.example/product stable\nhttp://a.example/debian bookworm\n"
                              "http://b.example/debian bookworm-backports\n",
                              {"debian", "bookworm"}));
  EXPECT_TRUE(sources_for_suite("https://packages.example/product stable\n", {"debian", "bookworm"}).empty());
  EXPECT_TRUE(sources_for_suite("", {"debian", "bookworm"}).empty());
}

TEST(SourcesForSuite, UbuntuHasAllInOneArchive) {
  EXPECT_EQ((Lines{"deb http://archive.example/ubuntu noble main universe",
                   "deb http://archive.example/ubuntu noble-updates main universe",
                   "deb http://archive.example/ubuntu noble-security main universe"}),
            sources_for_suite("http://archive.example/ubuntu/ jammy\nhttp://archive.example/ubuntu/ "
                              "jammy-security\n",
                              {"ubuntu", "noble"}));
}

TEST(AptSources, AMirrorReplacesTheHosts) {
  EXPECT_EQ((Lines{"deb http://mirror.example/debian bookworm main",
                   "deb http://mirror.example/debian bookworm-updates main",
                   "deb http://mirror.example/debian bookworm-security main"}),
            apt_sources({"debian", "bookworm"}, "http://mirror.example/debian/"));
  EXPECT_EQ("deb [trusted=yes] file:/srv/archive noble main universe",
            apt_sources({"ubuntu", "noble"}, "[trusted=yes] file:/srv/archive").at(0));
}

}  // namespace
}  // namespace vmimage::base
