// Manifests: written and read again without loss; others' are read carefully.

#include <gtest/gtest.h>

#include "expect.hpp"
#include "recipe/manifest.hpp"

namespace vmimage::recipe {
namespace {

using support::ErrorKind;
using support::json;

Manifest sample() {
  Manifest manifest;
  manifest.name = "orders-vm";
  manifest.version = "1.4.0";
  manifest.digest = "sha256:aa";
  manifest.base = "debian:bookworm";
  manifest.base_digest = "sha256:bb";
  manifest.init = "systemd";
  manifest.service = "orders";
  manifest.command = {"/usr/bin/orders", "--name", "a \"b\"\\", "ä"};
  manifest.environment = {{"A", "1"}, {"B", ""}};
  manifest.user = "orders";
  manifest.ports = {{8080, Protocol::Tcp}, {53, Protocol::Udp}};
  manifest.health = {HealthType::Http, 8080, "/healthz"};
  manifest.size = {2, 512ull << 20};
  manifest.disk = 3ull << 40;
  manifest.formats = {"qcow2", "raw"};
  manifest.boot = {"sha256:cc", "6.1.0-1", "/EFI/BOOT/BOOTX64.EFI", "root=PARTLABEL=root"};
  manifest.packages = {{"libc6", "2.36-9", "amd64", "NOASSERTION"}};
  manifest.files = {{"/usr/bin/orders", 12345, "dd", "ee"}, {"/var/lib/orders", 0, ""}};
  manifest.time = 1700000000;
  manifest.package_files = {{"orders.deb", "ee"}};
  manifest.volumes = {{"/var/lib/orders", 10ull << 30}};
  manifest.provision = {{"set-up.sh", "ff"}, {"more.sh", "00"}};
  return manifest;
}

TEST(Manifest, IsReadAsItWasWritten) {
  const Manifest before = sample();
  const Manifest after = parse_manifest(to_json(before), "m.json");
  EXPECT_EQ(to_json(before), to_json(after));
  EXPECT_EQ(before.command, after.command);
  EXPECT_EQ(before.environment, after.environment);
  EXPECT_EQ(before.ports, after.ports);
  EXPECT_EQ(before.health, after.health);
  EXPECT_EQ(before.size, after.size);
  EXPECT_EQ(before.volumes, after.volumes);
  EXPECT_EQ(before.volumes[0].label(), json::parse(to_json(after)).at("volumes").at(0).at("label"));
  EXPECT_EQ(before.disk, after.disk);
  EXPECT_EQ(before.boot.command_line, after.boot.command_line);
  ASSERT_EQ(1u, after.packages.size());
  EXPECT_EQ("2.36-9", after.packages[0].version);
  ASSERT_EQ(2u, after.files.size());
  EXPECT_EQ(12345u, after.files[0].size);
  EXPECT_EQ("ee", after.files[0].sha1);
  EXPECT_EQ("", after.files[1].sha1);
  EXPECT_EQ(1700000000, after.time);
  ASSERT_EQ(1u, after.package_files.size());
  EXPECT_EQ("orders.deb", after.package_files[0].name);
  ASSERT_EQ(2u, after.provision.size());
  EXPECT_EQ("00", after.provision[1].sha256);
}

TEST(Manifest, WithoutPortsAndHealthToo) {
  Manifest manifest = sample();
  manifest.ports.clear();
  manifest.health = {};
  manifest.command.clear();
  manifest.environment.clear();
  EXPECT_EQ(to_json(manifest), to_json(parse_manifest(to_json(manifest), "m")));
}

TEST(Manifest, IsStableText) {
  const std::string text = to_json(sample());
  EXPECT_TRUE(text.starts_with("{\n  \"base\": ")) << "keys are sorted";
  EXPECT_TRUE(text.ends_with("}\n"));
  EXPECT_EQ(text, to_json(sample()));
}

// Names of files may be any bytes; JSON may not.
TEST(Manifest, AFileNameThatIsNotUtf8IsWrittenAllTheSame) {
  Manifest manifest = sample();
  manifest.files = {{"/usr/share/caf\xe9", 1, "ee"}};
  const Manifest after = parse_manifest(to_json(manifest), "m");
  EXPECT_EQ("/usr/share/caf\xef\xbf\xbd", after.files.at(0).path);
}

TEST(Manifest, KeysOfALaterMinorVersionAreIgnored) {
  json document = json::parse(to_json(sample()));
  document["later"] = {{"a", 1}};
  document["boot"]["later"] = 1;
  EXPECT_EQ("orders", parse_manifest(document.dump(), "m").service);
}

TEST(Manifest, ANewerVersionIsRefusedInOneLine) {
  json document = json::parse(to_json(sample()));
  document["version"] = 2;
  const auto error = error_of([&] { parse_manifest(document.dump(), "orders.qcow2"); });
  EXPECT_EQ(ErrorKind::Usage, error.kind());
  EXPECT_STREQ("orders.qcow2: /version: this manifest has version 2, this program reads version 1",
               error.what());
}

TEST(Manifest, EachKeyIsNeeded) {
  const json whole = json::parse(to_json(sample()));
  for (const char* key : {"version", "name", "image_version", "digest", "base", "base_digest", "init",
                          "service", "environment", "user", "cpus", "memory", "disk", "boot"}) {
    json document = whole;
    document.erase(key);
    const auto error = error_of([&] { parse_manifest(document.dump(), "m"); });
    EXPECT_EQ("m: /" + std::string(key) + ": is missing", std::string(error.what()));
  }
}

TEST(Manifest, CutAnywhereItIsInvalidInput) {
  const std::string whole = to_json(sample());
  for (std::size_t length = 0; length + 2 <= whole.size(); ++length)
    EXPECT_EQ(ErrorKind::Usage, error_of([&] { parse_manifest(whole.substr(0, length), "cut"); }).kind());
}

TEST(Manifest, WithAnyValueOfAnotherTypeItIsTakenOrInvalid) {
  const json whole = json::parse(to_json(sample()));
  const json flat = whole.flatten();
  for (const auto& item : flat.items())
    for (const json& other : {json(), json(true), json(-1), json(1.5), json(UINT64_MAX), json(""), json("x"),
                              json::array(), json::array({json::array()}), json::object()}) {
      for (auto pointer = json::json_pointer(item.key()); !pointer.empty();
           pointer = pointer.parent_pointer()) {
        json changed = whole;
        changed[pointer] = other;
        try {
          parse_manifest(changed.dump(), "m");
        } catch (const support::Error& error) {
          EXPECT_EQ(ErrorKind::Usage, error.kind()) << pointer.to_string() << " " << error.what();
        }
      }
    }
}

}  // namespace
}  // namespace vmimage::recipe
