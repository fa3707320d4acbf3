#pragma once
// What a guest says on its serial console, as text for people. Pure.

#include <string>

namespace vmimage::machine {

/// Text without terminal control: escape sequences (ECMA-48, "control sequence": firmware clears the screen)
/// and control characters other than tab and line feed.
std::string without_control(const std::string& text);

/// The last lines of a log, without terminal control and trailing blanks.
std::string last_lines(const std::string& log, int lines);

}  // namespace vmimage::machine
