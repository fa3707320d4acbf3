// What is different between two images: files, owners, packages, settings, units.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "inspect/diff.hpp"

namespace vmimage::inspect {
namespace {

using filesystem::NodeType;
using Words = std::vector<std::string>;

NodeState file(const std::string& digest, std::uint64_t size = 10) {
  return {.mode = 0644, .size = size, .target = {}, .sha256 = digest};
}

NodeState link_to(const std::string& target) {
  return {.type = NodeType::Symlink, .mode = 0777, .target = target, .sha256 = {}};
}

Snapshot whole(const std::map<std::string, NodeState>& files) {
  Snapshot snapshot;
  snapshot.whole = true;
  snapshot.files = files;
  return snapshot;
}

/// "path: change change", or "+ path", "- path".
Words told(const std::vector<FileChange>& files) {
  Words list;
  for (const auto& one : files)
    list.push_back(!one.before  ? "+ " + one.path
                   : !one.after ? "- " + one.path
                                : fmt::format("{}: {}", one.path, fmt::join(one.changes, " ")));
  return list;
}

Words told(const std::vector<UnitChange>& units) {
  Words list;
  for (const auto& unit : units)
    list.push_back(fmt::format("{}: {}", unit.name, fmt::join(unit.changes, " ")));
  return list;
}

Words told(const std::vector<Move>& moves) {
  Words list;
  for (const auto& move : moves)
    list.push_back(fmt::format("{}: {}>{}", move.name, move.before, move.after));
  return list;
}

recipe::Manifest manifest_of(const std::string& digest) {
  recipe::Manifest manifest;
  manifest.name = "orders";
  manifest.version = "1";
  manifest.digest = manifest.base_digest = manifest.boot.digest = digest;
  manifest.base = "debian:bookworm";
  manifest.init = "systemd";
  manifest.service = "orders";
  manifest.user = "orders";
  return manifest;
}

TEST(Diff, OfTheSameIsEmpty) {
  const Snapshot one = whole({{"/a", file("1")}, {"/b", link_to("a")}});
  EXPECT_TRUE(compare(one, one).empty());
  EXPECT_TRUE(compare(one, one).complete);
}

TEST(Diff, Files) {
  std::map<std::string, NodeState> before{
      {"/same", file("1")},  {"/content", file("1")}, {"/size", file("1")},    {"/mode", file("1")},
      {"/owner", file("1")}, {"/link", link_to("a")}, {"/type", link_to("a")}, {"/z-gone", file("1")}};
  auto after = before;
  after["/content"] = file("2");
  after["/size"].size = 11;
  after["/mode"].mode = 04755;
  after["/owner"].gid = 7;
  after["/link"] = link_to("b");
  after["/type"] = file("1");
  after.erase("/z-gone");
  after["/a-new"] = file("3");
  EXPECT_EQ((Words{"+ /a-new", "/content: content", "/link: target", "/mode: mode", "/owner: owner",
                   "/size: content", "/type: type mode", "- /z-gone"}),
            told(compare(whole(before), whole(after)).files));
}

TEST(Diff, OnlyFilesOfOneSizeAreRead) {
  const Snapshot before =
      whole({{"/a", file("")}, {"/b", file("", 5)}, {"/c", link_to("a")}, {"/d", file("", 0)}});
  const Snapshot after =
      whole({{"/a", file("")}, {"/b", file("", 6)}, {"/c", link_to("b")}, {"/d", file("", 0)}});
  EXPECT_EQ(Words{"/a"}, undecided(before, after));
}

TEST(Diff, PackagesAndWhoBroughtAFile) {
  Snapshot before =
      whole({{"/usr/bin/jq", file("1")}, {"/usr/lib/modules/6.1.0-1/a.ko", file("1")}, {"/x", file("1")}});
  Snapshot after =
      whole({{"/usr/bin/jq", file("2")}, {"/usr/lib/modules/6.1.0-1/a.ko", file("2")}, {"/x", file("2")}});
  before.packages = {
      {"jq", "1.6", "amd64", ""}, {"libc6", "2.36", "amd64", ""}, {"libc6", "2.36", "i386", ""}};
  after.packages = {{"jq", "1.7", "amd64", ""}, {"libc6", "2.36", "amd64", ""}, {"new", "3", "all", ""}};
  add_owned(after.owners, "jq", "/.\n/usr\n/bin/jq\n");  // of before /usr was merged
  const Difference difference = compare(before, after);
  EXPECT_EQ((Words{"jq: 1.6>1.7", "new: >3"}), told(difference.packages));
  ASSERT_EQ(3u, difference.files.size());
  EXPECT_EQ("jq", difference.files[0].package);
  EXPECT_EQ("linux-image-6.1.0-1", difference.files[1].package);
  EXPECT_EQ("", difference.files[2].package);
}

TEST(Diff, SettingsWithoutWhatFollowsFromTheRest) {
  Snapshot before = whole({}), after = whole({});
  before.manifest = manifest_of("sha256:1");
  after.manifest = manifest_of("sha256:2");
  after.manifest->packages = {{"a", "1", "all", ""}};
  after.manifest->formats = {"raw"};
  after.manifest->time = 1700000000;
  EXPECT_TRUE(compare(before, after).settings.empty());
  after.manifest->version = "2";
  after.manifest->environment["LEVEL"] = "debug";
  EXPECT_EQ((Words{"/environment/LEVEL: >debug", "/image_version: 1>2"}),
            told(compare(before, after).settings));
}

TEST(Diff, WithAManifestOnlyWhatBothCanTell) {
  Snapshot before, after = whole({{"/usr/bin/orders", file("2")}, {"/etc/passwd", file("1")}});
  before.manifest = after.manifest = manifest_of("sha256:1");
  before.files = {{"/usr/bin/orders", {.size = 10, .target = {}, .sha256 = "1"}}};
  after.manifest->files = {{"/usr/bin/orders", 10, "2"}};
  const Difference difference = compare(before, after);
  EXPECT_FALSE(difference.complete);
  EXPECT_EQ(Words{"/usr/bin/orders: content"}, told(difference.files));
  EXPECT_TRUE(difference.files[0].of_service);
}

TEST(Units, AreFoundWhereSystemdLooks) {
  const auto units = units_of(whole({{"/usr/lib/systemd/system/a.service", file("1")},
                                     {"/etc/systemd/system/multi-user.target.wants/a.service", link_to("a")},
                                     {"/etc/systemd/system/a.service.d/more.conf", file("1")},
                                     {"/etc/systemd/system/b.timer", link_to("/dev/null")},
                                     {"/usr/lib/systemd/system/b.timer", file("1")},
                                     {"/usr/lib/systemd/system/README", file("1")},
                                     {"/usr/lib/systemd/systemd", file("1")}}));
  ASSERT_EQ(2u, units.size());
  const Unit& a = units.at("a.service");
  EXPECT_TRUE(a.present && a.enabled && !a.masked);
  EXPECT_EQ((Words{"/etc/systemd/system/a.service.d/more.conf", "/usr/lib/systemd/system/a.service"}),
            a.files);
  const Unit& b = units.at("b.timer");
  EXPECT_TRUE(b.present && !b.enabled && b.masked);
}

TEST(Units, WhatChanged) {
  const std::string lib = "/usr/lib/systemd/system/", etc = "/etc/systemd/system/";
  const Snapshot before = whole({{lib + "a.service", file("1")},
                                 {lib + "b.service", file("1")},
                                 {lib + "gone.socket", file("1")},
                                 {etc + "multi-user.target.wants/b.service", link_to("b")},
                                 {lib + "same.target", file("1")}});
  const Snapshot after = whole({{lib + "a.service", file("1")},
                                {etc + "a.service.d/x.conf", file("1")},
                                {lib + "b.service", file("2")},
                                {etc + "b.service", link_to("/dev/null")},
                                {lib + "new.timer", file("1")},
                                {etc + "timers.target.wants/new.timer", link_to("new.timer")},
                                {lib + "same.target", file("1")}});
  EXPECT_EQ((Words{"a.service: changed", "b.service: changed disabled masked", "gone.socket: removed",
                   "new.timer: added enabled"}),
            told(compare(before, after).units));
}

}  // namespace
}  // namespace vmimage::inspect
