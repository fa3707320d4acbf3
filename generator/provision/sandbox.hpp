#pragma once
// The builder's side of a jail: starts the process that carries out a plan, and says what came of it.

#include <functional>
#include <string>

#include "provision/plan.hpp"

namespace vmimage::provision {

/// The hidden command of vmimage that reads a plan from standard input (inside.hpp).
constexpr const char* kInsideCommand = "provision-inside";

/// Carries out the plan; `line` gets what the steps print. Returns the paths that they removed. Throws
/// Error{Failure} when a step fails: its name, line, how it ended, and the end of what it printed.
std::vector<std::string> run_plan(const Plan& plan, const std::function<void(const std::string&)>& line);

/// What is said of a step that failed; `output` is what it printed. Pure.
struct Explanation {
  std::string message;
  std::string hint;
};
Explanation explain(const Step& step, const Outcome& outcome, const std::string& output);

}  // namespace vmimage::provision
