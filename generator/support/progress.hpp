#pragma once
// What is done now: one line that changes on a terminal, with a bar where the amount of work is known; plain
// lines in a log.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace vmimage::support {

/// What long work tells while it runs: its steps, and within a step how many bytes of how many are done. Made
/// from any function that takes a line.
class Report {
 public:
  using Bytes = std::function<void(std::uint64_t done, std::uint64_t total)>;

  template <typename Step>
  requires std::invocable<Step, const std::string&> Report(Step step, Bytes bytes = {})
      : step_(std::move(step)), bytes_(std::move(bytes)) {}

  void operator()(const std::string& step) const { step_(step); }
  void bytes(std::uint64_t done, std::uint64_t total) const {
    if (bytes_)
      bytes_(done, total);
  }

 private:
  std::function<void(const std::string&)> step_;
  Bytes bytes_;
};

/// How far a step is.
struct Amount {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  double seconds = 0;  ///< since it began
};

/// How a terminal is written to.
struct Style {
  std::size_t width = 80;  ///< columns
  bool utf8 = false;
  bool color = false;
};

/// "1.5 GiB": bytes for people.
std::string format_bytes(std::uint64_t bytes);
/// "63 %, 120 MiB of 190 MiB, 34 MiB/s, 2 s left"; the rate and what is left only where they mean something.
std::string format_amount(const Amount& amount);
/// One line of a terminal, at most as wide as that; what there is no room for is left out.
std::string progress_line(double seconds, const std::string& step, const std::optional<Amount>& amount,
                          const Style& style);
/// By the environment: the locale says UTF-8; NO_COLOR (no-color.org) is not set.
Style style_from_environment(std::size_t width);

class Progress {
 public:
  enum class Mode { Quiet, Plain, Terminal };
  /// Plain or Terminal, by what standard error is (and $TERM: "dumb" is no terminal).
  static Mode detect();

  explicit Progress(Mode mode) : mode_(mode), start_(Clock::now()) {}
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step(const std::string& line);
  /// Of the current step. May be called often: a terminal is written to ten times a second, a log every ten
  /// seconds.
  void bytes(std::uint64_t done, std::uint64_t total);
  /// Both, for those who work; valid as long as this.
  Report report();

 private:
  using Clock = std::chrono::steady_clock;
  void clear();
  void show(const std::optional<Amount>& amount);
  Mode mode_;
  Clock::time_point start_;
  Clock::time_point step_start_;
  Clock::time_point shown_at_;
  std::string step_;
  bool shown_ = false;
};

}  // namespace vmimage::support
