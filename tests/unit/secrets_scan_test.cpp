// What looks like a secret, and what only looks so at a glance. The secrets here are made up.

#include <gtest/gtest.h>

#include "expect.hpp"
#include "secrets/check.hpp"
#include "secrets/scan.hpp"

namespace vmimage::secrets {
namespace {

const std::string kBody =
    "MC4CAQAwBQYDK2VwBCIEIJ1hq0y7Zt3VbW9kQe5uRfXo2LmTn8PsGcDaYx4Hj6Kv\n"
    "Zk9pQwErTyUiOpAsDfGhJkLzXcVbNm1234567890qwertyuiopasdfghjklzxcv==\n";
const std::string kAwsSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYq3Zt8uVw2L";

std::string pem(const std::string& label, const std::string& head = "") {
  return "-----BEGIN " + label + "-----\n" + head + kBody + "-----END " + label + "-----\n";
}

std::string found(const std::string& path, const std::string& content) {
  const auto finding = scan(path, content);
  return finding ? finding->what + ":" + std::to_string(finding->line) : "nothing";
}

TEST(SecretsScan, PrivateKeys) {
  for (const char* label : {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY",
                            "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK"})
    EXPECT_EQ("a private key:1", found("/etc/x", pem(label))) << label;
  EXPECT_EQ("a private key:3", found("/etc/x", "# ours\n\n" + pem("PRIVATE KEY")));
  EXPECT_EQ("a private key:1",
            found("/etc/x", pem("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n")));
}

TEST(SecretsScan, KeyOfAServiceAccount) {
  std::string key = pem("PRIVATE KEY"), escaped;
  for (const char c : key)
    escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
  EXPECT_EQ(
      "a private key:3",
      found("/etc/gcp.json", "{\n\"type\": \"service_account\",\n\"private_key\": \"" + escaped + "\"}"));
}

TEST(SecretsScan, KnownFiles) {
  EXPECT_NE("nothing", found("/srv/.env", "# settings\nDB_PASSWORD=hunter2\n"));
  EXPECT_NE("nothing", found("/root/.netrc", "machine a login b password hunter2\n"));
  EXPECT_NE("nothing", found("/root/.pgpass", "db:5432:orders:me:hunter2\n"));
  EXPECT_NE("nothing", found("/root/.aws/credentials", "[default]\naws_secret_access_key = " + kAwsSecret));
}

TEST(SecretsScan, Kubeconfig) {
  const std::string head = "apiVersion: v1\nkind: Config\nusers:\n- name: me\n  user:\n";
  EXPECT_NE("nothing", found("/root/.kube/config", head + "    token: q8Zr3vKx7Lm2Tn5Wp9Yc4Bd6Gf1Hj0Sa\n"));
  EXPECT_NE("nothing", found("/root/.kube/config", head + "    client-key-data: " + kBody));
}

TEST(SecretsScan, NoSecrets) {
  EXPECT_EQ("nothing", found("/etc/cert.pem", pem("CERTIFICATE")));
  EXPECT_EQ("nothing", found("/etc/key.pub", pem("PUBLIC KEY")));
  EXPECT_EQ("nothing", found("/usr/bin/x", "-----BEGIN PRIVATE KEY-----"));
  EXPECT_EQ("nothing", found("/usr/bin/x", std::string("-----BEGIN RSA PRIVATE KEY-----\0%s\0", 35)));
  EXPECT_EQ("nothing", found("/srv/.env.example", "DB_PASSWORD=hunter2\n"));
  EXPECT_EQ("nothing", found("/srv/.env", "# nothing\nDB_PASSWORD=\n"));
  EXPECT_EQ("nothing",
            found("/usr/share/doc/x", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
  EXPECT_EQ("nothing", found("/etc/x", ""));
  EXPECT_EQ("nothing", found("/etc/x", "-"));
}

TEST(SecretsScan, PlaceholdersAreNone) {
  for (const char* value : {"<password>", "\"<your password>\"", "${DB_PASSWORD}", "changeme", "xxxxxxxx"})
    EXPECT_EQ("nothing", found("/srv/.env", std::string("DB_PASSWORD=") + value + "\n")) << value;
  EXPECT_NE("nothing", found("/srv/.env", "DB_PASSWORD=a<b>c\n"));
}

TEST(SecretsScan, ProgramsAreLookedIntoUpToASize) {
  std::string program = "\177ELF" + std::string(100, '\0') + "\n" + pem("PRIVATE KEY");
  EXPECT_EQ("a private key:2", found("/usr/bin/x", program));
  program.resize(2 << 20);
  EXPECT_EQ("nothing", found("/usr/bin/x", program));
  program[0] = 'x';  // other files are, whole
  EXPECT_EQ("a private key:2", found("/usr/bin/x", program));
}

TEST(SecretsCheck, WhatIsAllowed) {
  recipe::Recipe recipe;
  recipe.allowed_secrets = {"/etc/keys/", "/srv/one.key", "DB_PASSWORD"};
  for (const char* name : {"/etc/keys", "/etc/keys/a", "/etc/keys/b/c", "/srv/one.key", "DB_PASSWORD"})
    EXPECT_TRUE(is_allowed(recipe, name)) << name;
  for (const char* name :
       {"/etc/keys2", "/etc", "/srv/one.key.old", "DB_PASSWORD/x", "DB", "/DB_PASSWORD", ""})
    EXPECT_FALSE(is_allowed(recipe, name)) << name;
  recipe.allowed_secrets = {"/"};
  EXPECT_TRUE(is_allowed(recipe, "/etc/x"));
  EXPECT_FALSE(is_allowed(recipe, "DB_PASSWORD"));
}

TEST(SecretsCheck, NamesThemAllAndHowToAllowThem) {
  recipe::Recipe recipe;
  rootfs::Tree tree;
  tree["/etc/tls.key"].content = "\n" + pem("PRIVATE KEY");
  recipe.environment = {{"DB_PASSWORD", "hunter2"}, {"LEVEL", "info"}};
  const auto error = error_of([&] { check(recipe, tree); });
  EXPECT_EQ(2, error.exit_status());
  EXPECT_STREQ("'/etc/tls.key' holds what looks like a private key (line 2); and 1 more", error.what());
  EXPECT_TRUE(contains(error.hint(), "\"allow_secrets\": [\"/etc/tls.key\",\"DB_PASSWORD\"]"))
      << error.hint();
  EXPECT_TRUE(contains(error.hint(), "ALLOW_SECRETS /etc/tls.key DB_PASSWORD")) << error.hint();
  EXPECT_FALSE(contains(error.hint(), "hunter2"));
  recipe.allowed_secrets = {"/etc", "DB_PASSWORD"};
  check(recipe, tree);
}

TEST(SecretsScan, Variables) {
  EXPECT_TRUE(scan_variable("DB_PASSWORD", "hunter2"));
  EXPECT_TRUE(scan_variable("DB", "postgres://me:hunter2@db/orders"));
  EXPECT_FALSE(scan_variable("DB_PASSWORD", "/run/secrets/db"));
  EXPECT_FALSE(scan_variable("DB", "postgres://me@db/orders"));
}

}  // namespace
}  // namespace vmimage::secrets
