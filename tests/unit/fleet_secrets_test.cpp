// Secrets as a supervisor keeps them.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "supervisor/secrets.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::supervisor {
namespace {

using vmimage::support::Error;
using vmimage::support::read_file;
using vmimage::support::TempDir;
using vmimage::support::write_file_atomic;

class FleetSecrets : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) const {
    write_file_atomic(folder.path() / name, text);
    return folder.path() / name;
  }

  std::string complaint(const std::map<std::string, fs::path>& files) const {
    try {
      read_secrets(files);
      return {};
    } catch (const Error& error) {
      EXPECT_EQ(2, error.exit_status());
      return error.what();
    }
  }

  TempDir folder;
  Place place{"fleet", folder.path() / "state", {}};
};

TEST_F(FleetSecrets, AreKeptWhereOnlyTheirUserReadsThem) {
  const std::string binary("\0\n\xff=", 4);
  const std::string digest = keep_secrets(place, {{"a", write("one", binary)}, {"b", write("two", "")}});
  EXPECT_EQ(binary, read_file(place.secrets(digest) / "a"));
  EXPECT_EQ("", read_file(place.secrets(digest) / "b"));
  struct stat status {};
  ASSERT_EQ(0, ::stat((place.secrets(digest) / "a").c_str(), &status));
  EXPECT_EQ(0600u, status.st_mode & 07777);
  ASSERT_EQ(0, ::stat(place.secrets(digest).c_str(), &status));
  EXPECT_EQ(0700u, status.st_mode & 07777);
}

TEST_F(FleetSecrets, TheDigestIsOfNamesAndContents) {
  const auto one = write("one", "x");
  const auto two = write("two", "x");
  EXPECT_EQ("", keep_secrets(place, {}));
  const std::string digest = keep_secrets(place, {{"a", one}});
  EXPECT_EQ(digest, keep_secrets(place, {{"a", two}})) << "where it was read from does not count";
  EXPECT_NE(digest, keep_secrets(place, {{"b", one}}));
  write("one", "y");
  EXPECT_NE(digest, keep_secrets(place, {{"a", one}}));
  EXPECT_EQ("x", read_file(place.secrets(digest) / "a")) << "what is kept does not change";
}

TEST_F(FleetSecrets, AnUnfinishedFolderIsMadeAnew) {
  const auto one = write("one", "x");
  const std::string digest = keep_secrets(place, {{"a", one}});
  fs::rename(place.secrets(digest), place.secrets(digest + ".new"));
  fs::remove(place.secrets(digest + ".new") / "a");
  EXPECT_EQ(digest, keep_secrets(place, {{"a", one}}));
  EXPECT_EQ("x", read_file(place.secrets(digest) / "a"));
}

TEST_F(FleetSecrets, WhatIsNoLongerUsedGoes) {
  const std::string first = keep_secrets(place, {{"a", write("one", "x")}});
  const std::string second = keep_secrets(place, {{"a", write("one", "y")}});
  drop_secrets_but(place, {second});
  EXPECT_FALSE(fs::exists(place.secrets(first)));
  EXPECT_TRUE(fs::exists(place.secrets(second)));
  drop_secrets_but(place, {});
  EXPECT_TRUE(fs::is_empty(place.root));
}

TEST_F(FleetSecrets, WhatIsNoSecretIsRefused) {
  const std::string path = (folder.path() / "absent").string();
  EXPECT_EQ("failed to read the secret 'a' from '" + path + "': No such file or directory",
            complaint({{"a", path}}));
  EXPECT_NE(std::string::npos, complaint({{"a", folder.path()}}).find("it is no regular file"));
  ASSERT_EQ(0, ::mkfifo((folder.path() / "pipe").c_str(), 0600));
  EXPECT_NE(std::string::npos, complaint({{"a", folder.path() / "pipe"}}).find("it is no regular file"));
  EXPECT_EQ("", complaint({{"a", write("full", std::string(64 << 10, 'x'))}}));
  EXPECT_NE(std::string::npos,
            complaint({{"a", write("large", std::string((64 << 10) + 1, 'x'))}}).find("more than 64 KiB"));
  std::map<std::string, fs::path> many;
  for (int i = 0; i < 65; ++i)
    many[std::to_string(i)] = folder.path() / "full";
  EXPECT_EQ("65 secrets are too many", complaint(many));
}

}  // namespace
}  // namespace vmfleet::supervisor
