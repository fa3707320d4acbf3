// What is signed for Secure Boot is taken by sbverify(1), which did not sign it; keys that cannot sign are
// refused.

#include <gtest/gtest.h>

#include "image/secure_boot.hpp"
#include "support/digest.hpp"
#include "tiny_kit.hpp"

namespace vmimage::image {
namespace {

namespace fs = std::filesystem;
using support::ErrorKind;
using support::run;
using support::run_checked;

class SecureBootTest : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_PROGRAM("openssl");
    ours_ = make_key("ours", {"rsa:2048"});
  }

  recipe::SecureBoot make_key(const std::string& name, const std::vector<std::string>& kind) {
    recipe::SecureBoot files{folder_.path() / (name + ".key"), folder_.path() / (name + ".pem")};
    std::vector<std::string> argv{
        "openssl", "req",         "-new",    "-x509",   "-nodes", "-days",           "2",
        "-subj",   "/CN=" + name, "-keyout", files.key, "-out",   files.certificate, "-newkey"};
    argv.insert(argv.end(), kind.begin(), kind.end());
    run_checked({.argv = argv});
    return files;
  }

  support::Error refusal(const recipe::SecureBoot& files) {
    const auto error = error_of([&] { check_signing_key(files); });
    EXPECT_EQ(ErrorKind::Usage, error.kind()) << error.what();
    EXPECT_FALSE(error.hint().empty());
    return error;
  }

  fs::path text(const std::string& content) {
    support::write_file_atomic(folder_.path() / "text", content);
    return folder_.path() / "text";
  }

  support::TempDir folder_;
  recipe::SecureBoot ours_;
};

TEST_F(SecureBootTest, AKeyAndItsCertificateAreTaken) {
  check_signing_key(ours_);
}

TEST_F(SecureBootTest, WhatCannotSignIsRefused) {
  EXPECT_TRUE(contains(refusal({folder_.path() / "none", ours_.certificate}).what(), "no such file"));
  EXPECT_TRUE(contains(refusal({ours_.key, folder_.path() / "none"}).what(), "no such file"));
  EXPECT_TRUE(contains(refusal({folder_.path(), ours_.certificate}).what(), "it is a folder"));
  EXPECT_TRUE(contains(refusal({text(""), ours_.certificate}).what(), "no private key"));
  EXPECT_TRUE(contains(refusal({text("a key\n"), ours_.certificate}).what(), "no private key"));
  EXPECT_TRUE(contains(refusal({ours_.certificate, ours_.certificate}).what(), "no private key"));
  EXPECT_TRUE(contains(refusal({ours_.key, text("a certificate\n")}).what(), "no certificate"));
  EXPECT_TRUE(contains(refusal({ours_.key, ours_.key}).what(), "no certificate"));
  const std::string key = support::read_file(ours_.key);
  EXPECT_TRUE(
      contains(refusal({text(key.substr(0, key.size() / 2)), ours_.certificate}).what(), "no private key"));
}

TEST_F(SecureBootTest, KeyAndCertificateBelongTogether) {
  const auto other = make_key("other", {"rsa:2048"});
  EXPECT_TRUE(contains(refusal({ours_.key, other.certificate}).what(), "do not belong together"));
}

TEST_F(SecureBootTest, KeysThatFirmwareDoesNotTakeAreRefused) {
  EXPECT_TRUE(contains(refusal(make_key("short", {"rsa:1024"})).what(), "firmware cannot take"));
  EXPECT_TRUE(contains(refusal(make_key("curve", {"ec", "-pkeyopt", "ec_paramgen_curve:P-256"})).what(),
                       "firmware cannot take"));
}

TEST_F(SecureBootTest, APassphraseIsNotAskedFor) {
  const fs::path locked = folder_.path() / "locked.key";
  run_checked(
      {.argv = {"openssl", "pkey", "-in", ours_.key, "-aes256", "-passout", "pass:word", "-out", locked}});
  EXPECT_TRUE(contains(refusal({locked, ours_.certificate}).what(), "protected by a passphrase"));
}

class SignatureTest : public SecureBootTest {
 protected:
  void SetUp() override {
    for (const char* program : {"as", "objcopy", "osslsigncode", "sbverify"})
      REQUIRE_PROGRAM(program);
    SecureBootTest::SetUp();
    if (IsSkipped())
      return;
    make_tiny_kit(folder_.path() / "kit");
    kit_.folder = folder_.path() / "kit";
    kit_.digest = "digest of the kit";
  }

  base::Kit signed_kit(const fs::path& cache, const recipe::SecureBoot& files) {
    base::Kit kit = kit_;
    sign_kit(cache::Cache(cache), files, kit, [&](const std::string&) { ++signatures_; });
    return kit;
  }

  static bool verifies(const fs::path& program, const fs::path& certificate) {
    return run({.argv = {"sbverify", "--cert", certificate, program}}).ok();
  }

  base::Kit kit_;
  int signatures_ = 0;
};

TEST_F(SignatureTest, IsOfThisKeyOnly) {
  const auto other = make_key("other", {"rsa:2048"});
  const base::Kit kit = signed_kit(folder_.path() / "cache", ours_);
  EXPECT_TRUE(verifies(kit.uki(), ours_.certificate));
  EXPECT_FALSE(verifies(kit.uki(), other.certificate));
  EXPECT_FALSE(verifies(kit_.uki(), ours_.certificate)) << "the kit's own was signed";
  std::string damaged = support::read_file(kit.uki());
  damaged[damaged.find("console=ttyS0")] = 'C';
  EXPECT_FALSE(verifies(text(damaged), ours_.certificate)) << "another command line";
}

TEST_F(SignatureTest, LeavesTheSectionsWhereBootLoadersLookForThem) {
  const base::Kit kit = signed_kit(folder_.path() / "cache", ours_);
  const auto before = disk::parse_pe(support::read_file(kit_.uki()), "before");
  const auto after = disk::parse_pe(support::read_file(kit.uki()), "after");
  for (const char* name : {".linux", ".initrd"}) {
    EXPECT_EQ(disk::pe_section(before, name, "before").offset, disk::pe_section(after, name, "after").offset);
    EXPECT_EQ(disk::pe_section(before, name, "before").size, disk::pe_section(after, name, "after").size);
  }
}

TEST_F(SignatureTest, IsKeptAndTheSameElsewhere) {
  const base::Kit first = signed_kit(folder_.path() / "cache", ours_);
  const base::Kit second = signed_kit(folder_.path() / "cache", ours_);
  EXPECT_EQ(1, signatures_);
  EXPECT_EQ(first.digest, second.digest);
  EXPECT_NE(kit_.digest, first.digest);
  const base::Kit elsewhere = signed_kit(folder_.path() / "another cache", ours_);
  EXPECT_EQ(2, signatures_);
  EXPECT_EQ(support::sha256_file(first.uki()), support::sha256_file(elsewhere.uki()));
  const base::Kit other = signed_kit(folder_.path() / "cache", make_key("other", {"rsa:2048"}));
  EXPECT_EQ(3, signatures_);
  EXPECT_NE(first.digest, other.digest);
}

}  // namespace
}  // namespace vmimage::image
