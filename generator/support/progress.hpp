#pragma once
// What is done now: one line that changes on a terminal, plain lines in a log.

#include <chrono>
#include <string>

namespace vmimage::support {

class Progress {
 public:
  enum class Mode { Quiet, Plain, Terminal };
  /// Plain or Terminal, by what standard error is (and $TERM: "dumb" is no terminal).
  static Mode detect();

  explicit Progress(Mode mode) : mode_(mode), start_(std::chrono::steady_clock::now()) {}
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step(const std::string& line);

 private:
  void clear();
  Mode mode_;
  std::chrono::steady_clock::time_point start_;
  bool shown_ = false;
};

}  // namespace vmimage::support
