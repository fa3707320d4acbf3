// What apt and dpkg say, as text: resolving packages, the order of installing them, their changelogs.

#include <gtest/gtest.h>

#include "base/apt.hpp"
#include "base/deb.hpp"
#include "base/pinning.hpp"
#include "expect.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::base {
namespace {

const std::string kSha(64, 'd');

TEST(ParseUris, NameVersionAndPathAreTold) {
  const auto pins = parse_uris(
      "'http://a.example/debian/pool/main/l/login/login_4.13%2bdfsg1-1_amd64.deb' "
      "login_1%3a4.13+dfsg1-1_amd64.deb 617248 SHA256:" +
          kSha + "\nReading…\n'file:/srv/a//pool/x_1_all.deb' x_1_all.deb 10 SHA256:" + kSha + "\n",
      {"http://a.example/debian", "file:/srv/a"});
  ASSERT_EQ(2u, pins.size());
  EXPECT_EQ("login", pins[0].name);
  EXPECT_EQ("1:4.13+dfsg1-1", pins[0].version);
  EXPECT_EQ("amd64", pins[0].architecture);
  EXPECT_EQ(617248u, pins[0].size);
  EXPECT_EQ(kSha, pins[0].sha256);
  EXPECT_EQ("pool/main/l/login/login_4.13%2bdfsg1-1_amd64.deb", pins[0].file);
  EXPECT_EQ("http://a.example/debian", pins[0].archive);
  EXPECT_EQ("pool/x_1_all.deb", pins[1].file);
}

TEST(ParseUris, WhatIsNotUnderstoodIsAnError) {
  error_of([&] { parse_uris("'http://b.example/x_1_all.deb' x_1_all.deb 1 SHA256:" + kSha, {"http://a"}); });
  error_of([&] { parse_uris("'http://a/x_1_all.deb' x_1_all.deb 1 MD5Sum:00", {"http://a"}); });
  error_of([&] { parse_uris("'http://a/x.deb' x.deb 1 SHA256:" + kSha, {"http://a"}); });
}

TEST(SetArchive, ASecurityUpdateIsOneWhereverItIsTakenFrom) {
  const std::string madison =
      " perl | 2 | http://a/debian bookworm/main amd64 Packages\n"
      " perl | 2 | http://a/debian-security bookworm-security/main amd64 Packages\n"
      " perl | 1 | http://a/debian bookworm/main amd64 Packages\n";
  recipe::Pin pin{.name = "perl",
                  .version = "2",
                  .architecture = "amd64",
                  .sha256 = kSha,
                  .file = "f",
                  .archive = "http://a/debian"};
  set_archive(pin, madison);
  EXPECT_EQ("bookworm", pin.archive);
  EXPECT_TRUE(pin.security);
  pin = {.name = "perl",
         .version = "1",
         .architecture = "amd64",
         .sha256 = kSha,
         .file = "f",
         .archive = "http://a/debian"};
  set_archive(pin, madison);
  EXPECT_EQ("bookworm", pin.archive);
  EXPECT_FALSE(pin.security);
}

TEST(ParseSource, OptionsAreKeptApart) {
  const SourceLine line = parse_source("deb [trusted=yes] file:/srv/a/ bookworm-security main universe");
  EXPECT_EQ("[trusted=yes]", line.options);
  EXPECT_EQ("file:/srv/a", line.root);
  EXPECT_EQ("bookworm-security", line.release);
}

TEST(Control, FieldsAndDependencies) {
  const auto fields =
      parse_control("Package: a\nDepends: b (>= 1) | c:any, d\nDescription: x\n y\n\nPackage: z\n");
  EXPECT_EQ("a", fields.at("Package"));
  EXPECT_EQ("x\ny", fields.at("Description"));
  const auto groups = parse_dependencies(fields.at("Depends"));
  ASSERT_EQ(2u, groups.size());
  EXPECT_EQ((std::vector<std::string>{"b", "c"}), groups[0]);
  EXPECT_EQ((std::vector<std::string>{"d"}), groups[1]);
  EXPECT_TRUE(parse_dependencies(" , ").empty());
}

TEST(InstallOrder, EssentialPackagesGoWithAllThatTheyNeed) {
  const std::vector<PackageNeeds> packages{{"awk-user", false, {}, {}, {}},
                                           {"base-files", true, {}, {{"awk"}}, {}},
                                           {"libc", false, {}, {}, {}},
                                           {"mawk", false, {"awk"}, {}, {{"libc"}}}};
  EXPECT_EQ((std::vector<std::size_t>{1, 2, 3}), first_packages(packages));
}

TEST(InstallOrder, PreDependenciesAreInEarlierRounds) {
  using Rounds = std::vector<std::vector<std::size_t>>;
  const std::vector<PackageNeeds> packages{{"a", false, {}, {{"b"}, {"elsewhere"}}, {}},
                                           {"b", false, {}, {{"c"}}, {}},
                                           {"c", false, {}, {}, {{"a"}}},
                                           {"d", false, {}, {}, {}}};
  EXPECT_EQ((Rounds{{2, 3}, {1}, {0}}), install_rounds(packages));
  const std::vector<PackageNeeds> circle{{"a", false, {}, {{"b"}}, {}}, {"b", false, {}, {{"a"}}, {}}};
  EXPECT_EQ((Rounds{{0, 1}}), install_rounds(circle));
  EXPECT_TRUE(install_rounds({}).empty());
}

TEST(AddedTo, ABaseThatChangedHasNoLayer) {
  recipe::Pin a{
      .name = "a", .version = "1", .architecture = "all", .sha256 = kSha, .file = "f", .archive = "x"};
  recipe::Pin b = a, a2 = a;
  b.name = "b";
  a2.version = "2";
  EXPECT_EQ((std::vector<recipe::Pin>{b}), added_to({a}, {a, b}).value());
  EXPECT_TRUE(added_to({a}, {a}).value().empty());
  EXPECT_FALSE(added_to({a}, {a2, b}));
}

TEST(FirstChange, VulnerabilitiesGoFirstAndWhoDidItLast) {
  const std::string end =
      "\n -- A <a@b>  Sat, 01 Jan 2022 00:00:00 +0000\n\nx (0) y; urgency=low\n\n  * CVE-0\n";
  EXPECT_EQ("Say more", first_change("x (1) y; urgency=low\n\n  * Say\n    more\n  * Other\n" + end));
  EXPECT_EQ(
      "Fix CVE-2026-1: a hole",
      first_change("x (1) y; urgency=low\n\n  * Non-maintainer upload.\n  * Things\n    - Fix CVE-2026-1:\n"
                   "      a hole\n" +
                   end));
  EXPECT_EQ("Rebuild",
            first_change("x (1) y; urgency=low\n\n  * Non-maintainer upload.\n  * Rebuild\n" + end));
  EXPECT_EQ("", first_change(""));
  EXPECT_EQ("", first_change("no changelog at all\n  text\n"));
  const std::string once = first_change("x (1) y\n\n  * " + std::string(159, 'a') + "äöü\n");
  EXPECT_EQ(std::string(159, 'a') + "…", once);
}

TEST(DebFile, IsReadOutOfTheArchive) {
  REQUIRE_PROGRAM("dpkg-deb");
  const support::TempDir folder;
  const auto tree = folder.path() / "tree";
  std::filesystem::create_directories(tree / "DEBIAN");
  std::filesystem::create_directories(tree / "usr/share");
  support::write_file_atomic(
      tree / "DEBIAN/control",
      "Package: a\nVersion: 1:2\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n");
  support::write_file_atomic(tree / "usr/share/text", "0123456789");
  const auto deb = folder.path() / "a.deb";
  for (const char* compression : {"xz", "gzip", "none"}) {
    support::run_checked({.argv = {"dpkg-deb", std::string("-Z") + compression, "--root-owner-group",
                                   "--build", tree.string(), deb.string()}});
    EXPECT_EQ("1:2", deb_control(deb).at("Version"));
    EXPECT_EQ("01234", deb_file(deb, "/usr/share/text", 5));
    EXPECT_FALSE(deb_file(deb, "/usr/share/other", 5));
  }
  support::write_file_atomic(deb, support::read_file(deb).substr(0, 200));
  EXPECT_EQ(2, error_of([&] { deb_control(deb); }).exit_status());
  support::write_file_atomic(deb, "no archive");
  EXPECT_EQ(2, error_of([&] { deb_control(deb); }).exit_status());
}

}  // namespace
}  // namespace vmimage::base
