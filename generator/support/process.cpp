#include "support/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/io.hpp>
#include <boost/process/pipe.hpp>
#include <boost/process/posix.hpp>
#include <boost/process/start_dir.hpp>
#include <cstring>
#include <optional>

#include "support/error.hpp"

namespace vmimage::support {

namespace bp = boost::process;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t kTail = 64 * 1024;

std::atomic<bool> g_interrupted{false};
std::array<int, 2> g_interrupt_pipe{-1, -1};

void on_interrupt(int) {
  g_interrupted = true;
  // The write wakes poll loops; when the pipe is full, they are awake already.
  [[maybe_unused]] const auto written = ::write(g_interrupt_pipe[1], "x", 1);
}

fs::path resolve(const std::string& program) {
  const fs::path path = find_program(program);
  if (path.empty())
    throw failure(
        fmt::format("failed to run '{}': program not found on PATH", program),
        fmt::format("install it (Debian: the package that ships it is named by 'apt-file search bin/{}'; "
                    "script/bootstrap installs all that VMImage needs)",
                    program));
  return path;
}

/// What a child finds in its environment. Boost's own class for that reads behind the ends of shorter
/// entries.
class ChildEnvironment {
 public:
  explicit ChildEnvironment(std::map<std::string, std::string> variables = {}) {
    variables.try_emplace("LC_ALL", "C.UTF-8");  // messages and sorting do not depend on who calls
    for (char** ours = environ; *ours; ++ours) {
      const std::string_view entry(*ours);
      variables.try_emplace(std::string(entry.substr(0, entry.find('='))),
                            entry.substr(std::min(entry.find('='), entry.size() - 1) + 1));
    }
    for (const auto& [key, value] : variables)
      entries_.push_back(key + "=" + value);
    for (auto& entry : entries_)
      pointers_.push_back(entry.data());
    pointers_.push_back(nullptr);
  }
  ChildEnvironment(const ChildEnvironment&) = delete;
  ChildEnvironment& operator=(const ChildEnvironment&) = delete;

  /// For the constructor of bp::child, while this object lives.
  auto setup() {
    return bp::extend::on_setup([this](auto& executor) { executor.env = pointers_.data(); });
  }

 private:
  std::vector<std::string> entries_;
  std::vector<char*> pointers_;
};

/// The child gets its three streams and no other descriptor of ours (close_range(2), Linux 5.11).
void close_others_on_exec() {
  ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
}

/// Only async-signal-safe calls: this runs between fork and exec.
void detach_from_terminal(pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent)
    ::_exit(125);  // we died before prctl took effect
  ::signal(SIGPIPE, SIG_DFL);
  close_others_on_exec();
}

/// What Boost throws when a program is there but cannot be started becomes an Error of ours.
template <typename Start>
bp::child start(const std::string& program, Start make) {
  try {
    return make();
  } catch (const bp::process_error& error) {
    throw failure(fmt::format("failed to run '{}': {}", program, error.code().message()));
  }
}

/// Ends a whole process group: asks first, so that mmdebstrap and the like can clean up behind them.
void end_group(bp::child& child) {
  const pid_t group = child.id();
  ::kill(-group, SIGTERM);
  for (int i = 0; i < 100; ++i) {
    int status = 0;
    if (::waitpid(group, &status, WNOHANG) == group)
      break;
    ::usleep(50'000);
  }
  ::kill(-group, SIGKILL);
  ::waitpid(group, nullptr, 0);
  child.detach();
}

void append_tail(std::string& tail, std::string_view bytes) {
  tail.append(bytes);
  if (tail.size() > 2 * kTail)
    tail.erase(0, tail.size() - kTail);
}

/// Splits a byte stream into lines; a carriage return ends one too (progress bars of children).
class LineSplitter {
 public:
  explicit LineSplitter(const std::function<void(std::string_view)>& sink) : sink_(sink) {}
  void add(std::string_view bytes) {
    if (!sink_)
      return;
    for (const char c : bytes) {
      if (c != '\n' && c != '\r') {
        line_ += c;
        continue;
      }
      flush();
    }
  }
  void flush() {
    if (!line_.empty())
      sink_(line_);
    line_.clear();
  }

 private:
  const std::function<void(std::string_view)>& sink_;
  std::string line_;
};

/// The three streams of a running child, pumped until both outputs are closed and it has ended.
class Pump {
 public:
  Pump(const Command& command, pid_t child, int in_fd, int out_fd, int err_fd)
      : input_(command.input),
        lines_(command.on_line),
        output_(command.on_output),
        child_(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))),
        fds_{in_fd, out_fd, err_fd} {
    if (child_ < 0)
      throw_errno("wait for a child");
    if (in_fd >= 0)
      ::fcntl(in_fd, F_SETFL, O_NONBLOCK);
  }
  ~Pump() { ::close(child_); }
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  enum class End { Exited, TimedOut, Interrupted };

  End run(std::optional<Clock::time_point> deadline, const std::function<void()>& close_input) {
    while (true) {
      if (fds_[0] >= 0 && input_.empty()) {
        close_input();
        fds_[0] = -1;
      }
      // A child may close its outputs and go on, so its end is waited for too; but only after them, because
      // it may also end while they hold more to read.
      const bool open = fds_[1] >= 0 || fds_[2] >= 0;
      std::array<pollfd, 5> polls{pollfd{fds_[0], POLLOUT, 0}, pollfd{fds_[1], POLLIN, 0},
                                  pollfd{fds_[2], POLLIN, 0}, pollfd{interrupt_fd(), POLLIN, 0},
                                  pollfd{open ? -1 : child_, POLLIN, 0}};
      int wait = -1;
      if (deadline) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - Clock::now());
        if (left.count() <= 0)
          return End::TimedOut;
        wait = static_cast<int>(left.count()) + 1;
      }
      if (::poll(polls.data(), polls.size(), wait) < 0 && errno != EINTR)
        throw_errno("wait for a child");
      if (interrupted())
        return End::Interrupted;
      if (polls[0].revents)
        write_input();
      if (polls[1].revents)
        read_into(1, [&](std::string_view bytes) {
          if (output_)
            output_(bytes);
          else
            out.append(bytes);
        });
      if (polls[2].revents)
        read_into(2, [&](std::string_view bytes) {
          append_tail(err, bytes);
          lines_.add(bytes);
        });
      if (polls[4].revents)
        break;
    }
    lines_.flush();
    return End::Exited;
  }

  std::string out;
  std::string err;

 private:
  void write_input() {
    const auto written = ::write(fds_[0], input_.data(), input_.size());
    if (written > 0)
      input_.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 && errno != EAGAIN && errno != EINTR)
      input_ = {};  // the child does not want the rest
  }

  template <typename Sink>
  void read_into(int index, Sink sink) {
    std::array<char, 65536> buffer;
    const auto got = ::read(fds_[index], buffer.data(), buffer.size());
    if (got > 0)
      sink(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
      fds_[index] = -1;
  }

  std::string_view input_;
  LineSplitter lines_;
  std::function<void(std::string_view)> output_;
  int child_;  // readable when it has ended (pidfd_open(2))
  std::array<int, 3> fds_;
};

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \n\r\t");
  if (end == std::string::npos)
    return {};
  const auto start = text.find_last_of("\n\r", end);
  return text.substr(start == std::string::npos ? 0 : start + 1,
                     end - (start == std::string::npos ? 0 : start + 1) + 1);
}

std::string tail_lines(const std::string& text, int lines) {
  std::size_t at = text.size();
  while (at > 0 && lines >= 0)
    if (text[--at] == '\n' && at + 1 != text.size())
      --lines;
  return text.substr(lines < 0 ? at + 1 : 0);
}

/// From what wait(2) says.
Result to_result(int status) {
  Result result;
  if (WIFSIGNALED(status))
    result.signal = WTERMSIG(status);
  else
    result.exit_status = WEXITSTATUS(status);
  return result;
}

std::string describe(const Result& result) {
  if (result.timed_out)
    return "did not finish in time";
  if (result.signal)
    return fmt::format("was ended by signal {} ({})", result.signal, ::strsignal(result.signal));
  return fmt::format("failed with exit status {}", result.exit_status);
}

}  // namespace

Result run(const Command& command) {
  check_interrupt();
  const fs::path program = resolve(command.argv.at(0));
  // Boost goes on in our own folder when it cannot enter the one it is told.
  if (!command.directory.empty() && !fs::is_directory(command.directory))
    throw failure(fmt::format("failed to run '{}' in '{}': no such folder", command.argv[0],
                              command.directory.string()));
  const pid_t self = ::getpid();
  bp::pipe in, out, err;
  ChildEnvironment environment(command.environment);
  bp::child child = start(command.argv[0], [&] {
    return bp::child(
        bp::exe = program.string(),
        bp::args = std::vector<std::string>(command.argv.begin() + 1, command.argv.end()),
        bp::start_dir = (command.directory.empty() ? fs::current_path() : command.directory).string(),
        environment.setup(), bp::std_in<in, bp::std_out> out, bp::std_err > err,
        bp::extend::on_exec_setup([self](auto&) { detach_from_terminal(self); }));
  });

  std::optional<Clock::time_point> deadline;
  if (command.timeout.count() > 0)
    deadline = Clock::now() + command.timeout;
  Pump pump(command, child.id(), in.native_sink(), out.native_source(), err.native_source());
  const auto end = pump.run(deadline, [&] {
    ::close(in.native_sink());
    in.assign_sink(-1);
  });

  Result result;
  if (end == Pump::End::Exited) {
    child.wait();
    result = to_result(child.native_exit_code());
  } else {
    end_group(child);
    check_interrupt();
    result.timed_out = true;
  }
  check_interrupt();
  result.out = std::move(pump.out);
  result.err = std::move(pump.err);
  if (result.err.size() > kTail)
    result.err.erase(0, result.err.size() - kTail);
  return result;
}

std::string run_checked(const Command& command) {
  Result result = run(command);
  if (result.ok())
    return std::move(result.out);
  const std::string cause = last_line(result.err.empty() ? result.out : result.err);
  std::string hint = "the command was: " + quote(command.argv);
  const std::string tail = tail_lines(result.err, 20);
  if (tail.find('\n') != std::string::npos && tail.find('\n') + 1 != tail.size())
    hint = "its last words were:\n" + tail + "\n" + hint;
  throw failure(fmt::format("{} {}{}{}", fs::path(command.argv[0]).filename().string(), describe(result),
                            cause.empty() ? "" : ": ", cause),
                hint);
}

Child::Child(const std::vector<std::string>& argv, Streams streams) {
  const fs::path program = resolve(argv.at(0));
  const pid_t self = ::getpid();
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0)
    throw_errno("open '/dev/null'");
  // Only async-signal-safe calls, as in detach_from_terminal().
  const auto prepare = [self, null, streams](auto&) {
    ::dup2(streams.in < 0 ? null : streams.in, STDIN_FILENO);
    ::dup2(streams.out < 0 ? null : streams.out, STDOUT_FILENO);
    ::dup2(streams.err < 0 ? null : streams.err, STDERR_FILENO);
    detach_from_terminal(self);
  };
  ChildEnvironment environment;
  try {
    bp::child child = start(argv[0], [&] {
      return bp::child(bp::exe = program.string(),
                       bp::args = std::vector<std::string>(argv.begin() + 1, argv.end()), environment.setup(),
                       bp::extend::on_exec_setup(prepare));
    });
    pid_ = child.id();
    child.detach();
  } catch (...) {
    ::close(null);
    throw;
  }
  ::close(null);
  ended_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (ended_fd_ < 0) {
    kill();
    throw_errno("wait for a child");
  }
}

Child::~Child() {
  kill();
  if (ended_fd_ >= 0)
    ::close(ended_fd_);
}

std::optional<Result> Child::wait(std::chrono::milliseconds timeout) {
  if (result_)
    return result_;
  const auto until = Clock::now() + timeout;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd ended{ended_fd_, POLLIN, 0};
    const int count = ::poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (count == 0)
      return std::nullopt;
    if (count > 0)
      break;
    if (errno != EINTR)
      throw_errno("wait for a child");
  }
  int status = 0;
  if (::waitpid(pid_, &status, 0) < 0)
    throw_errno("wait for a child");
  result_ = to_result(status);
  return result_;
}

void Child::kill() {
  if (result_)
    return;
  ::kill(-pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  result_ = to_result(status);
}

pid_t start_detached(const std::vector<std::string>& argv, const fs::path& log) {
  const fs::path program = resolve(argv.at(0));
  const struct Log {
    int fd;
    ~Log() { ::close(fd); }
  } output{::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)};
  if (output.fd < 0)
    throw_errno("open '" + log.string() + "'");
  ChildEnvironment environment;
  bp::child child = start(argv[0], [&] {
    return bp::child(bp::exe = program.string(),
                     bp::args = std::vector<std::string>(argv.begin() + 1, argv.end()), environment.setup(),
                     bp::std_in < bp::null, bp::posix::fd.bind(STDOUT_FILENO, output.fd),
                     bp::posix::fd.bind(STDERR_FILENO, output.fd), bp::extend::on_exec_setup([](auto&) {
                       ::setsid();
                       close_others_on_exec();
                     }));
  });
  const pid_t pid = child.id();
  child.detach();
  return pid;
}

std::string quote(const std::vector<std::string>& argv) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  std::string line;
  for (const auto& word : argv) {
    if (!line.empty())
      line += ' ';
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word)
      line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

fs::path find_program(const std::string& name) {
  if (name.find('/') != std::string::npos)
    return ::access(name.c_str(), X_OK) == 0 ? fs::path(name) : fs::path();
  const char* path = std::getenv("PATH");
  // The sbin folders are not on the PATH of ordinary users, and mkfs-like tools live there.
  std::string folders = std::string(path ? path : "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin";
  for (std::size_t start = 0; start <= folders.size();) {
    const auto end = std::min(folders.find(':', start), folders.size());
    const fs::path candidate = fs::path(folders.substr(start, end - start)) / name;
    std::error_code unreadable;  // folders on PATH may be closed to us
    if (end > start && fs::is_regular_file(candidate, unreadable) && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
    start = end + 1;
  }
  return {};
}

void install_interrupt_handler() {
  if (::pipe2(g_interrupt_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    throw_errno("create a pipe");
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is an error like a full disk, for our children too
}

bool interrupted() {
  return g_interrupted;
}

void check_interrupt() {
  if (g_interrupted)
    throw Error(ErrorKind::Interrupted, "interrupted");
}

int interrupt_fd() {
  return g_interrupt_pipe[0];
}

}  // namespace vmimage::support
