#pragma once
// What the unit tests share: errors as values, tools that may be missing.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/error.hpp"
#include "support/process.hpp"
#include "support/program.hpp"

namespace vmimage {

/// What main() would report when `action` throws; the test fails when it does not.
template <typename Action>
support::Error error_of(Action action) {
  try {
    action();
  } catch (const std::exception& exception) {
    const support::Error error = support::as_error(exception);
    // One line each: the message is printed after "vmimage: ", and a line break would look like a second one.
    EXPECT_EQ(std::string::npos, std::string(error.what()).find('\n')) << error.what();
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return support::failure("(nothing was thrown)");
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// How many entries a folder has, hidden ones too.
inline long entries_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
}

}  // namespace vmimage

/// An independent reader that this machine does not have is reported as a skipped test, never as a passed
/// one.
#define REQUIRE_PROGRAM(name)                         \
  if (vmimage::support::find_program(name).empty()) { \
    GTEST_SKIP() << name << " is not installed";      \
  }                                                   \
  static_assert(true)
