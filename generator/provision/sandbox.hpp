#pragma once
// The builder's side of a jail: starts the process that carries out a plan, and says what came of it.

#include <functional>
#include <string>
#include <vector>

#include "provision/plan.hpp"

namespace vmimage::provision {

/// The hidden command of vmimage that reads a plan from standard input (inside.hpp).
constexpr const char* kInsideCommand = "provision-inside";

/// Carries out the plan; `line` gets what the steps print. Returns the paths that they removed. Throws
/// Error{Failure} when a step fails: its name, line, how it ended, and the end of what it printed.
std::vector<std::string> run_plan(const Plan& plan, const std::function<void(const std::string&)>& line);

/// Where a traced script (Step::trace) is, by what it prints. dash(1) on Debian does not know its line
/// ($LINENO), but with -v it tells each line when it reads it, and it reads no further than the command that
/// it runs next. Pure.
class TraceReader {
 public:
  explicit TraceReader(const std::string& script);
  void read(const std::string& line);
  /// Of the last command; 0: not known.
  int line() const;
  const std::string& command() const { return command_; }

 private:
  std::vector<std::string> lines_;
  std::size_t first_ = 0;  ///< of the lines that were read for the last command
  std::size_t next_ = 0;   ///< how many have been read
  std::string command_;
  bool ran_ = false;  ///< since the last line was read
};

/// What is said of a step that failed; `output` is what it printed. Pure.
struct Explanation {
  std::string message;
  std::string hint;
};
Explanation explain(const Step& step, const Outcome& outcome, const std::string& output);

}  // namespace vmimage::provision
