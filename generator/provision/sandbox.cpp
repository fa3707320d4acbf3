#include "provision/sandbox.hpp"

#include <fmt/format.h>

#include <cstring>

#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::provision {

using support::failure;

namespace {

constexpr int kTailLines = 20;

std::string last_lines(const std::string& text, int lines) {
  const std::size_t end = text.find_last_not_of(" \n") + 1;
  std::size_t start = end;
  while (start > 0 && !(text[start - 1] == '\n' && --lines == 0))
    --start;
  return text.substr(start, end - start);
}

std::string how_it_ended(const Step& step, const Outcome& outcome) {
  if (outcome.timed_out)
    return fmt::format("it did not end within {} s", step.timeout);
  if (outcome.signal)
    return fmt::format("it was ended by signal {} ({})", outcome.signal, ::strsignal(outcome.signal));
  return fmt::format("it ended with status {}", outcome.exit_status);
}

}  // namespace

Explanation explain(const Step& step, const Outcome& outcome, const std::string& output) {
  std::string place;
  if (outcome.line > 0)
    place = fmt::format(" in line {}, '{}'", outcome.line, outcome.command);
  const std::string tail = last_lines(output, kTailLines);
  std::string hint = tail.empty() ? "it printed nothing" : "the end of what it printed:\n" + tail;
  if (outcome.timed_out)
    hint += "\ngive it a longer \"timeout\" if it needs one";
  else
    hint += "\n--debug-shell opens a shell there";
  return {fmt::format("'{}' failed{}: {}", step.name, place, how_it_ended(step, outcome)), hint};
}

std::vector<std::string> run_plan(const Plan& plan, const std::function<void(const std::string&)>& line) {
  const support::Result result =
      support::run({.argv = {"/proc/self/exe", kInsideCommand},
                    .input = to_json(plan),
                    .on_line = [&](std::string_view text) { line(std::string(text)); }});
  if (!result.ok()) {
    // "vmimage: <message>" and "  (<hint>)", as every error of ours (support/program.cpp).
    const std::string prefix = "vmimage: ";
    const auto start = result.err.rfind("\n" + prefix);
    std::string text = result.err.starts_with(prefix) && start == std::string::npos ? result.err
                       : start == std::string::npos ? prefix + "the jail's process ended early"
                                                    : result.err.substr(start + 1);
    text.erase(0, prefix.size());
    const auto end = text.find('\n');
    std::string hint = end == std::string::npos ? "" : text.substr(end + 1);
    if (hint.starts_with("  (") && hint.ends_with(")\n"))
      hint = hint.substr(3, hint.size() - 5);
    throw support::Error(result.exit_status == 2 ? support::ErrorKind::Usage : support::ErrorKind::Failure,
                         text.substr(0, end), hint);
  }
  const Outcome outcome = parse_outcome(result.out);
  if (!outcome.step)
    return outcome.removed;
  const Explanation said = explain(plan.steps.at(*outcome.step), outcome, result.err);
  throw failure(said.message, said.hint);
}

}  // namespace vmimage::provision
