// Packages as files: what is refused, and what apt says of them (generator/base/package_files).

#include <gtest/gtest.h>

#include "base/package_files.hpp"
#include "expect.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::base {
namespace {

namespace fs = std::filesystem;

template <typename Action>
void expect_invalid(Action action, const std::string& part) {
  const auto error = error_of(action);
  EXPECT_EQ(support::ErrorKind::Usage, error.kind()) << error.what();
  EXPECT_TRUE(contains(error.what(), part)) << error.what();
}

/// A package as dpkg-deb makes it.
fs::path make_deb(const fs::path& folder, const std::string& name, const std::string& fields) {
  const fs::path tree = folder / (name + ".tree");
  fs::create_directories(tree / "DEBIAN");
  support::write_file_atomic(tree / "DEBIAN/control",
                             "Package: " + name + "\nVersion: 1.0\n" + fields +
                                 "Maintainer: A <a@example.org>\nDescription: demo\n");
  const fs::path deb = folder / (name + ".deb");
  support::run_checked({.argv = {"dpkg-deb", "--root-owner-group", "--build", tree.string(), deb.string()}});
  return deb;
}

TEST(PackageFiles, AreRead) {
  const support::TempDir work;
  const auto files = read_package_files({make_deb(work.path(), "one", "Architecture: all\n"),
                                         make_deb(work.path(), "two", "Architecture: amd64\n")});
  ASSERT_EQ(2u, files.size());
  EXPECT_EQ("one", files[0].name);
  EXPECT_EQ("1.0", files[0].version);
  EXPECT_EQ("amd64", files[1].architecture);
  EXPECT_EQ(64u, files[0].sha256.size());
  require_whole(files);
}

TEST(PackageFiles, OfAnotherMachineAreRefused) {
  const support::TempDir work;
  const fs::path deb = make_deb(work.path(), "one", "Architecture: arm64\n");
  expect_invalid([&] { read_package_files({deb}); }, "it is for arm64");
}

TEST(PackageFiles, ThatAreNoneAreRefused) {
  const support::TempDir work;
  expect_invalid([&] { read_package_files({work.path() / "absent.deb"}); }, "no such file");
  support::write_file_atomic(work.path() / "empty.deb", "");
  expect_invalid([&] { read_package_files({work.path() / "empty.deb"}); }, "empty.deb");
  support::write_file_atomic(work.path() / "text.deb", "no package");
  expect_invalid([&] { read_package_files({work.path() / "text.deb"}); }, "text.deb");
}

TEST(PackageFiles, TwiceAreRefused) {
  const support::TempDir work;
  const fs::path deb = make_deb(work.path(), "one", "Architecture: all\n");
  expect_invalid([&] { read_package_files({deb, deb}); }, "there is another file of the package 'one'");
}

TEST(PackageFiles, CutOffAreRefused) {
  const support::TempDir work;
  const fs::path deb = make_deb(work.path(), "one", "Architecture: all\n");
  const auto files = read_package_files({deb});
  fs::resize_file(deb, fs::file_size(deb) - 20);
  expect_invalid([&] { require_whole(files); }, "it is cut off or damaged");
}

TEST(PackageFiles, PreDependenciesComeFirst) {
  const support::TempDir work;
  const auto files =
      in_order(read_package_files({make_deb(work.path(), "late", "Architecture: all\nPre-Depends: early\n"),
                                   make_deb(work.path(), "early", "Architecture: all\n")}));
  EXPECT_EQ("early", files.at(0).name);
  EXPECT_EQ("late", files.at(1).name);
}

TEST(PackageFiles, WhatAptSaysIsUnmet) {
  EXPECT_EQ(
      "orders : Depends: libfoo (>= 2) but it is not installable, Depends: bar but it is not going to be "
      "installed",
      unmet_dependencies("Reading package lists...\n"
                         "Some packages could not be installed.\n"
                         "The following packages have unmet dependencies:\n"
                         " orders : Depends: libfoo (>= 2) but it is not installable\n"
                         "          Depends: bar but it is not going to be installed\n"
                         "E: Unable to correct problems, you have held broken packages.\n"));
  EXPECT_EQ("", unmet_dependencies("E: Unable to read /etc/apt\n"));
}

}  // namespace
}  // namespace vmimage::base
