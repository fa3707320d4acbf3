#pragma once
// The one error type of both programs. Everything below main() throws it; only main() prints and exits.

#include <stdexcept>
#include <string>

namespace vmimage::support {

/// What an error means to the caller; the value is the exit status (docs/vmimage.md, "Exit status").
enum class ErrorKind {
  Failure = 1,        ///< the work was asked for rightly and did not succeed
  Usage = 2,          ///< wrong use, or input that is not valid
  Interrupted = 130,  ///< the user or the system asked us to stop (128 + SIGINT)
};

/// `text` with control characters shown as '?': names that end up in messages may hold any byte, and a
/// message is one line.
std::string one_line(std::string text);

/// `message` is one line: "failed to <verb> <thing> '<name>': <cause>"; `hint` says what to do, or is empty.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(one_line(message)), kind_(kind), hint_(std::move(hint)) {}

  ErrorKind kind() const { return kind_; }
  const std::string& hint() const { return hint_; }
  int exit_status() const { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
  std::string hint_;
};

inline Error failure(const std::string& message, std::string hint = {}) {
  return {ErrorKind::Failure, message, std::move(hint)};
}
inline Error invalid(const std::string& message, std::string hint = {}) {
  return {ErrorKind::Usage, message, std::move(hint)};
}

/// Throws failure("failed to <what>: <strerror(errno)>").
[[noreturn]] void throw_errno(const std::string& what);

}  // namespace vmimage::support
