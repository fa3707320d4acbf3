// What progress looks like, as text.

#include <gtest/gtest.h>

#include <cstdlib>

#include "support/progress.hpp"

namespace vmimage::support {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

TEST(Progress, BytesAreForPeople) {
  EXPECT_EQ("0 B", format_bytes(0));
  EXPECT_EQ("999 B", format_bytes(999));
  EXPECT_EQ("1.0 KiB", format_bytes(1000));
  EXPECT_EQ("1.5 GiB", format_bytes(1536 * kMiB));
  EXPECT_EQ("120 MiB", format_bytes(120 * kMiB));
  EXPECT_EQ("16777216 TiB", format_bytes(~0ull));
}

TEST(Progress, AnAmountHasARateAndWhatIsLeftOnceTheyMeanSomething) {
  EXPECT_EQ("0 %, 0 B of 200 MiB", format_amount({0, 200 * kMiB, 3}));
  EXPECT_EQ("25 %, 50 MiB of 200 MiB", format_amount({50 * kMiB, 200 * kMiB, 0.1}));
  EXPECT_EQ("25 %, 50 MiB of 200 MiB, 25 MiB/s, 6 s left", format_amount({50 * kMiB, 200 * kMiB, 2}));
  EXPECT_EQ("0 %, 1.0 MiB of 200 MiB, 102 KiB/s, 33 min left", format_amount({kMiB, 200 * kMiB, 10}));
  EXPECT_EQ("100 %, 200 MiB of 200 MiB, 100 MiB/s", format_amount({200 * kMiB, 200 * kMiB, 2}));
  EXPECT_EQ("100 %, 200 MiB of 200 MiB, 150 MiB/s", format_amount({300 * kMiB, 200 * kMiB, 2}))
      << "more than was announced";
}

TEST(Progress, ALineIsNeverWiderThanTheTerminal) {
  const Amount half{50 * kMiB, 100 * kMiB, 2};
  EXPECT_EQ("  2.0 s  format ova", progress_line(2, "format ova", std::nullopt, {80, false, false}));
  EXPECT_EQ("  2.0 s  format ova  [############------------]  50 %, 50 MiB of 100 MiB, 25 MiB/s, 2 s left",
            progress_line(2, "format ova", half, {100, false, false}));
  EXPECT_EQ("  2.0 s  format ova  50 %, 50 MiB of 100 MiB, 25 MiB/s, 2 s left",
            progress_line(2, "format ova", half, {80, false, false}));
  EXPECT_EQ("  2.0 s  format ova  50 %", progress_line(2, "format ova", half, {40, false, false}));
  EXPECT_EQ("  2.0 s  form  50 %", progress_line(2, "format ova", half, {21, false, false}));
  for (std::size_t width = 21; width < 120; ++width)
    EXPECT_LT(progress_line(2, "format ova", half, {width, false, false}).size(), width);
}

TEST(Progress, UnicodeAndColorOnlyWhereTheyAreWanted) {
  const Amount half{50, 100, 0};
  const std::string plain = progress_line(2, "x", half, {100, false, false});
  EXPECT_EQ(std::string::npos, plain.find('\033'));
  EXPECT_NE(std::string::npos, progress_line(2, "x", half, {100, false, true}).find("\033[32m##"));
  EXPECT_NE(std::string::npos, progress_line(2, "x", half, {100, true, false}).find("█░"));
  EXPECT_EQ("  2.0 s  naïve ü", progress_line(2, "naïve üöä", std::nullopt, {17, true, false}))
      << "cut in a character";
  EXPECT_EQ("  2.0 s  a?b", progress_line(2, "a\nb", std::nullopt, {80, true, false}));
}

TEST(Progress, TheEnvironmentSaysWhichStyle) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG", "NO_COLOR"})
    ::unsetenv(name);
  EXPECT_FALSE(style_from_environment(80).utf8);
  EXPECT_TRUE(style_from_environment(80).color);
  ::setenv("LANG", "en_US.UTF-8", 1);
  EXPECT_TRUE(style_from_environment(80).utf8);
  ::setenv("LC_ALL", "C", 1);
  EXPECT_FALSE(style_from_environment(80).utf8);
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(style_from_environment(80).color);
  for (const char* name : {"LC_ALL", "LANG", "NO_COLOR"})
    ::unsetenv(name);
}

TEST(Progress, AReportIsMadeFromAnyFunctionOfALine) {
  std::string seen;
  const Report lines = [&](const std::string& line) { seen += line; };
  lines("a");
  lines.bytes(1, 2);  // nobody listens
  std::uint64_t done = 0;
  const Report both([&](const std::string& line) { seen += line; },
                    [&](std::uint64_t d, std::uint64_t) { done = d; });
  both("b");
  both.bytes(1, 2);
  EXPECT_EQ("ab", seen);
  EXPECT_EQ(1u, done);
}

}  // namespace
}  // namespace vmimage::support
