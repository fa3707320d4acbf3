// Files of settings, and the names of secrets.

#include <gtest/gtest.h>

#include "recipe/settings.hpp"
#include "support/error.hpp"

namespace vmimage::recipe {
namespace {

using Environment = std::map<std::string, std::string>;

TEST(SettingsFile, LinesAreTakenAsTheyAre) {
  EXPECT_EQ(
      (Environment{{"A", "1"}, {"B", "\"quoted\" # no comment"}, {"C", " x "}, {"D", ""}, {"E", "$A\\n"}}),
      parse_settings(
          "A=0\n\n# B=comment\n  # another\nB=\"quoted\" # no comment\nC= x \nD=\n\t E=$A\\n\nA=1\n", "f"));
}

TEST(SettingsFile, LinesMayEndAsOnWindowsAndTheLastNotAtAll) {
  EXPECT_EQ((Environment{{"A", "1"}, {"B", "2"}}), parse_settings("A=1\r\n\r\nB=2", "f"));
}

TEST(SettingsFile, ARefusalNamesFileAndLine) {
  for (const auto& [text, message] :
       Environment{{"A=1\n\nexport B=2\n",
                    "f: line 3: 'export B=2' is no setting: 'export B' is no name of an environment"},
                   {"A\n", "f: line 1: 'A' is no setting"},
                   {std::string("A=x\0y", 5), "f: line 1: the value of 'A' holds a line break or a NUL"}})
    try {
      parse_settings(text, "f");
      FAIL() << text;
    } catch (const support::Error& error) {
      EXPECT_EQ(2, error.exit_status());
      EXPECT_TRUE(std::string(error.what()).starts_with(message)) << error.what();
    }
}

TEST(Secrets, NamesAreNamesOfFiles) {
  for (const std::string& good :
       {std::string("db"), std::string("db-password.1_x"), std::string("0"), std::string(36, 'a')})
    EXPECT_NO_THROW(check_secret_name(good)) << good;
  for (const std::string& wrong :
       {std::string(), std::string("."), std::string(".."), std::string("../x"), std::string("a/b"),
        std::string("-x"), std::string("a b"), std::string("a:b"), std::string("ü"), std::string(37, 'a'),
        std::string("a\0b", 3)})
    EXPECT_THROW(check_secret_name(wrong), support::Error) << wrong;
}

TEST(Secrets, OfTheCommandLine) {
  EXPECT_EQ(std::pair(std::string("db"), std::string("a=b/c")), parse_secret("db=a=b/c"));
  for (const std::string wrong : {"db", "db=", "=file", "", "d b=file"})
    EXPECT_THROW(parse_secret(wrong), support::Error) << wrong;
}

}  // namespace
}  // namespace vmimage::recipe
