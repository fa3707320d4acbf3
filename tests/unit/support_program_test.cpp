// What main() of both programs makes of an error: one line, its hint, the exit status.

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>

#include "support/error.hpp"
#include "support/program.hpp"

namespace vmimage::support {
namespace {

struct Outcome {
  int status = -1;
  std::string error;
};

Outcome run_with(const std::function<void()>& action, std::vector<std::string> words = {"vmimage", "work"}) {
  CLI::App app("A program.", "vmimage");
  app.add_subcommand("work", "Works")->callback(action);
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.status = run_program(app, static_cast<int>(argv.size()), argv.data());
  outcome.error = testing::internal::GetCapturedStderr();
  testing::internal::GetCapturedStdout();
  return outcome;
}

TEST(Program, SuccessSaysNothing) {
  const Outcome outcome = run_with([] {});
  EXPECT_EQ(0, outcome.status);
  EXPECT_EQ("", outcome.error);
}

TEST(Program, AnErrorIsOneLineAndItsHint) {
  Outcome outcome = run_with([] { throw failure("failed to read 'x': it is gone"); });
  EXPECT_EQ(1, outcome.status);
  EXPECT_EQ("vmimage: failed to read 'x': it is gone\n", outcome.error);
  outcome = run_with([] { throw invalid("'x' is no image", "build it"); });
  EXPECT_EQ(2, outcome.status);
  EXPECT_EQ("vmimage: 'x' is no image\n  (build it)\n", outcome.error);
  outcome = run_with([] { throw Error(ErrorKind::Interrupted, "interrupted"); });
  EXPECT_EQ(130, outcome.status);
}

TEST(Program, ANameWithControlCharactersStaysOnOneLine) {
  EXPECT_EQ("vmimage: failed to open 'a?b?[31m'\n",
            run_with([] { throw failure("failed to open 'a\nb\x1b[31m'"); }).error);
}

TEST(Program, OtherExceptionsAreFailures) {
  namespace fs = std::filesystem;
  Outcome outcome = run_with([] { fs::create_directories("/dev/null/folder"); });
  EXPECT_EQ(1, outcome.status);
  EXPECT_EQ("vmimage: failed to use '/dev/null/folder': Not a directory\n", outcome.error);
  outcome = run_with([] { throw std::runtime_error("what it says"); });
  EXPECT_EQ(1, outcome.status);
  EXPECT_EQ("vmimage: what it says\n", outcome.error);
}

TEST(Program, WrongUseIsStatus2AndHelpIs0) {
  EXPECT_EQ(2, run_with([] {}, {"vmimage"}).status);
  EXPECT_EQ(2, run_with([] {}, {"vmimage", "wrok"}).status);
  EXPECT_EQ(2, run_with([] {}, {"vmimage", "work", "--no-such-option"}).status);
  EXPECT_EQ(0, run_with([] {}, {"vmimage", "--help"}).status);
  EXPECT_EQ(0, run_with([] {}, {"vmimage", "work", "--help"}).status);
}

}  // namespace
}  // namespace vmimage::support
