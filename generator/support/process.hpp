#pragma once
// The one place where both programs start other programs: argv only, never a shell.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmimage::support {

/// A program to run. Its standard input is /dev/null unless `input` is given; it runs in a process group
/// of its own, with no descriptor of ours but its three streams, and is killed when we die.
struct Command {
  std::vector<std::string> argv;
  std::filesystem::path directory = {};                  ///< working directory; empty: ours
  std::map<std::string, std::string> environment = {};   ///< set on top of ours (LC_ALL is always C.UTF-8)
  std::string input = {};                                ///< bytes for standard input
  std::chrono::milliseconds timeout{0};                  ///< 0: none; when it passes, the group is killed
  std::function<void(std::string_view)> on_line = {};    ///< called for each whole line of standard error
  std::function<void(std::string_view)> on_output = {};  ///< gets standard output as it comes; it is not kept
};

/// How a child ended: exactly one of `exit_status` >= 0, `signal` > 0 or `timed_out`.
struct Result {
  int exit_status = -1;
  int signal = 0;
  bool timed_out = false;
  std::string out;  ///< standard output, whole
  std::string err;  ///< standard error, its last 64 KiB

  bool ok() const { return exit_status == 0; }
};

/// Runs to the end. Throws Error when the program is not found (hint: how to install it) and, with kind
/// Interrupted, when SIGINT or SIGTERM came meanwhile (the child is ended first).
Result run(const Command& command);

/// run(), and throws Error unless it exits with 0: "<program> <how it ended>: <last line it said>", with
/// the tail of its output and the command line to paste as hint. Returns standard output.
std::string run_checked(const Command& command);

/// A program that runs beside us, in a process group of its own and with no descriptor of ours but those
/// given; killed when this object goes, or when the thread that made it ends.
class Child {
 public:
  /// Descriptors for its streams, which stay ours; -1: /dev/null.
  struct Streams {
    int in = -1;
    int out = -1;
    int err = -1;
  };
  Child(const std::vector<std::string>& argv, Streams streams);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  /// A descriptor that becomes readable when it has ended (for poll loops).
  int ended_fd() const { return ended_fd_; }
  /// How it ended (without output), waiting for that at most so long; nothing while it runs. Not cut short by
  /// an interrupt.
  std::optional<Result> wait(std::chrono::milliseconds timeout);
  void kill();

 private:
  pid_t pid_ = -1;
  int ended_fd_ = -1;
  std::optional<Result> result_;
};

/// Starts a daemon: own session, streams appended to `log`, not killed with us. Returns its pid.
pid_t start_detached(const std::vector<std::string>& argv, const std::filesystem::path& log);

/// The command line as a person would paste it into a shell.
std::string quote(const std::vector<std::string>& argv);

/// Full path of a program on PATH (and in the sbin folders), or empty.
std::filesystem::path find_program(const std::string& name);

/// From here on SIGINT, SIGTERM and SIGHUP only set a flag; waits end with Error{Interrupted}. Call once in
/// main().
void install_interrupt_handler();
bool interrupted();
/// Throws Error{Interrupted} if the flag is set.
void check_interrupt();
/// A descriptor that becomes readable when the flag is set (for poll loops); -1 before install.
int interrupt_fd();

}  // namespace vmimage::support
