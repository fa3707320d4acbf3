#include "provision/sandbox.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <sstream>

#include "support/error.hpp"
#include "support/file.hpp"
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

Outcome carry_out(const Plan& plan, const std::function<void(const std::string&)>& line,
                  std::string& output) {
  const support::Result result =
      support::run({.argv = {"/proc/self/exe", kInsideCommand},
                    .input = to_json(plan),
                    .on_line = [&](std::string_view text) { line(std::string(text)); }});
  output = result.err;
  if (result.ok())
    return parse_outcome(result.out);
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

std::string script_of(const Step& step) {
  for (const auto& file : step.files)
    if (step.argv.at(0).ends_with("/" + file.name))
      return support::read_file(file.source);
  return {};
}

/// sh(1) does not tell in which line it ended, and a shell that tells its commands may make a script behave
/// otherwise: the trace goes where its standard error goes. So it runs once more, from the same beginning, to
/// be looked at; what counts was the first run.
void find_line(Plan plan, Outcome& outcome) {
  plan.on_failure = OnFailure::Stop;
  plan.steps.at(*outcome.step).trace = true;
  Outcome traced;
  TraceReader last(script_of(plan.steps.at(*outcome.step)));
  std::string ignored;
  try {
    traced = carry_out(
        plan, [&](const std::string& line) { last.read(line); }, ignored);
  } catch (const support::Error& error) {
    if (error.kind() == support::ErrorKind::Interrupted)
      throw;
    return;
  }
  if (traced.step != outcome.step || traced.exit_status != outcome.exit_status ||
      traced.signal != outcome.signal)
    return;
  outcome.line = last.line();
  outcome.command = last.command();
}

}  // namespace

TraceReader::TraceReader(const std::string& script) {
  std::istringstream stream(script);
  for (std::string line; std::getline(stream, line);)
    lines_.push_back(line);
}

void TraceReader::read(const std::string& line) {
  if (const auto start = line.rfind(kTrace); start != std::string::npos) {
    command_ = line.substr(start + 1);
    ran_ = true;
  } else if (next_ < lines_.size() && line == lines_[next_]) {
    if (ran_)
      first_ = next_;
    ran_ = false;
    ++next_;
  }
}

int TraceReader::line() const {
  const std::string program = command_.substr(0, command_.find(' '));
  for (std::size_t i = next_; !program.empty() && i > first_; --i)
    if (lines_[i - 1].find(program) != std::string::npos)
      return static_cast<int>(i);
  return command_.empty() ? 0 : static_cast<int>(next_);
}

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
  constexpr auto kWorthARepeat = std::chrono::minutes(2);
  const auto start = std::chrono::steady_clock::now();
  std::string output;
  Outcome outcome = carry_out(plan, line, output);
  if (!outcome.step)
    return outcome.removed;
  const Step& step = plan.steps.at(*outcome.step);
  if (outcome.traceable && !outcome.timed_out && outcome.line == 0 && step.network == Network::None &&
      std::chrono::steady_clock::now() - start < kWorthARepeat)
    find_line(plan, outcome);
  const Explanation said = explain(step, outcome, output);
  throw failure(said.message, said.hint);
}

}  // namespace vmimage::provision
