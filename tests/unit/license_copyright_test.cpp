// Licences out of copyright files, as DEP-5 has them, as old ones have them, and damaged.

#include <gtest/gtest.h>

#include <set>

#include "license/copyright.hpp"

namespace vmimage::license {
namespace {

const std::string kFormat = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n";

TEST(LicenseNames, BecomeExpressions) {
  EXPECT_EQ("GPL-2.0-or-later", parse_names("x", "GPL-2+"));
  EXPECT_EQ("GPL-3.0-only", parse_names("x", "GPL-3"));
  EXPECT_EQ("BSD-3-Clause OR MIT", parse_names("x", "BSD-3-clause or Expat"));
  EXPECT_EQ("MIT AND (GPL-2.0-only OR ISC)", parse_names("x", "Expat, and GPL-2 or ISC"));
  EXPECT_EQ("LicenseRef-libx--public-domain", parse_names("libx", "public-domain"));
  EXPECT_EQ("NOASSERTION", parse_names("x", ""));
  EXPECT_EQ("NOASSERTION", parse_names("x", " , and , or "));
}

TEST(LicenseNames, ThatSpdxDoesNotListStayApart) {
  const std::set<std::string> references{parse_names("libx", "a_b"), parse_names("libx", "a-b"),
                                         parse_names("libx", "a+b"), parse_names("libx-a", "b"),
                                         parse_names("lib+", "a-b"), parse_names("libp", "a-b")};
  EXPECT_EQ(6u, references.size());
  for (const auto& reference : references) {
    EXPECT_EQ(0u, reference.find("LicenseRef-"));
    EXPECT_EQ(std::string::npos, reference.find_first_of("_+ ")) << reference;
  }
}

TEST(LicenseCopyright, MachineReadable) {
  EXPECT_EQ(
      "ISC AND MIT",
      expression_of("x", kFormat + "Files: *\nCopyright: a\nLicense: Expat\n\nFiles: b\nLicense: ISC\n\n"
                                   "License: Expat\n Permission is\n"));
  EXPECT_EQ("MIT", expression_of("x", kFormat + "Files: *\r\nLicense: Expat\r\n"));
  EXPECT_EQ("ISC OR MIT", expression_of("x", kFormat + "Files: *\nLicense: ISC or Expat\n"));
}

TEST(LicenseCopyright, Malformed) {
  EXPECT_EQ("NOASSERTION", expression_of("x", ""));
  EXPECT_EQ("NOASSERTION", expression_of("x", kFormat));
  EXPECT_EQ("NOASSERTION", expression_of("x", kFormat + "Files: *\nLicense:\n"));
  EXPECT_EQ("NOASSERTION", expression_of("x", kFormat + "Files: *\nLicense: " + std::string(5000, 'a')));
  EXPECT_EQ("NOASSERTION", expression_of("x", std::string(100, '\0')));
}

TEST(LicenseCopyright, References) {
  EXPECT_EQ("GPL-2.0-or-later",
            expression_of("x", "any later\nversion. See /usr/share/common-licenses/GPL-2.\n"));
  EXPECT_EQ("NOASSERTION", expression_of("x", "See /usr/share/common-licenses/GPL.\n"));
}

TEST(LicenseDocuments, FollowLinksThatEnd) {
  Documents documents;
  documents.links["/usr/share/doc/a"] = "b";
  documents.texts["/usr/share/doc/b/copyright"] = "text";
  documents.links["/usr/share/doc/c"] = "d";
  documents.links["/usr/share/doc/d"] = "c";
  EXPECT_EQ("text", documents.copyright("a"));
  EXPECT_EQ("", documents.copyright("c"));
}

}  // namespace
}  // namespace vmimage::license
