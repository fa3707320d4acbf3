#include "provision/step.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "provision/jail.hpp"
#include "provision/terminal.hpp"
#include "support/error.hpp"

namespace vmimage::provision {

using support::throw_errno;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

constexpr const char* kBashEnvironment = "/run/vmimage/bash-environment";
constexpr const char* kEndedAt = "/run/vmimage/ended-at";

// bash(1) reads this before a script ($BASH_ENV), and not before what the script starts. The trap for EXIT
// sees as the last command itself, so the line before is what counts.
constexpr const char* kBashTraps = R"(unset BASH_ENV
set -ET
trap '__vmimage_before=$__vmimage_line; __vmimage_line=$LINENO' DEBUG
trap '__vmimage_line=$LINENO' ERR
trap 'printf "%s\n%s\n" "$__vmimage_before" "$BASH_COMMAND" >/run/vmimage/ended-at' EXIT
)";

void copy(int from, const fs::path& path, mode_t mode) {
  const int to = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (to < 0)
    throw_errno("create '" + path.string() + "'");
  std::vector<char> buffer(1 << 18);
  off_t at = 0;
  ssize_t got = 0;
  while ((got = ::pread(from, buffer.data(), buffer.size(), at)) > 0) {
    if (::write(to, buffer.data(), static_cast<std::size_t>(got)) != got)
      throw_errno("write '" + path.string() + "'");
    at += got;
  }
  ::close(to);
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream stream(path);
  stream << text;
}

/// Names are looked up as on the host. Where the root file system has no file for that, one is there
/// meanwhile; returns it, or nothing.
fs::path provide_resolver(int resolv_conf) {
  const fs::path file = "/etc/resolv.conf";
  copy(resolv_conf, "/run/vmimage/resolv.conf", 0644);
  std::error_code ignored;
  if (fs::is_symlink(fs::symlink_status(file, ignored))) {
    const fs::path target = (file.parent_path() / fs::read_symlink(file)).lexically_normal();
    if (!fs::exists(target, ignored) && target.string().starts_with("/run/")) {
      fs::create_directories(target.parent_path(), ignored);
      fs::copy_file("/run/vmimage/resolv.conf", target, ignored);
      return {};
    }
  }
  const bool absent = !fs::exists(file, ignored);
  if (absent)
    write_text(file, "");
  if (::mount("/run/vmimage/resolv.conf", file.c_str(), nullptr, MS_BIND, nullptr) != 0)
    throw_errno("mount '/etc/resolv.conf'");
  return absent ? file : fs::path();
}

/// The words after "#!" of a script's first line (execve(2), "Interpreter scripts").
std::vector<std::string> interpreter_of(const fs::path& program) {
  std::ifstream stream(program, std::ios::binary);
  std::string line;
  std::getline(stream, line);
  if (!line.starts_with("#!"))
    return {};
  std::istringstream words(line.substr(2));
  return {std::istream_iterator<std::string>(words), {}};
}

bool is_bash_script(const fs::path& program) {
  const auto words = interpreter_of(program);
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return fs::path(word).filename() == "bash"; });
}

bool is_sh_script(const fs::path& program) {
  const auto words = interpreter_of(program);
  const std::string name = words.empty() ? "" : fs::path(words[0]).filename().string();
  return name == "sh" || name == "dash" || name == "ash";
}

/// A script of sh(1) as its interpreter is started to tell each line and command.
std::vector<std::string> command_of(const Step& step) {
  if (!step.trace)
    return step.argv;
  std::vector<std::string> argv = interpreter_of(step.argv.at(0));
  argv.emplace_back("-vx");
  argv.insert(argv.end(), step.argv.begin(), step.argv.end());
  return argv;
}

std::vector<std::string> environment_of(const Step& step, std::int64_t time) {
  std::map<std::string, std::string> variables = step.environment;
  const std::map<std::string, std::string> defaults{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"HOME", "/root"},
      {"LC_ALL", "C.UTF-8"},
      {"TERM", "dumb"},
      {"DEBIAN_FRONTEND", "noninteractive"},
      {"SOURCE_DATE_EPOCH", std::to_string(time)}};
  variables.insert(defaults.begin(), defaults.end());
  if (is_bash_script(step.argv.at(0)))
    variables["BASH_ENV"] = kBashEnvironment;
  if (step.trace)
    variables["PS4"] = std::string(1, kTrace);
  std::vector<std::string> entries;
  for (const auto& [key, value] : variables)
    entries.push_back(key + "=" + value);
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (auto& word : words)
    list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

/// Never returns.
void become(std::vector<std::string> argv, std::vector<std::string> environment) {
  drop_capabilities();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::umask(022);
  ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  ::execve(argv[0].c_str(), pointers(argv).data(), pointers(environment).data());
  fmt::print(stderr, "failed to run '{}': {}\n", argv[0],
             errno == ENOENT ? "it, or the interpreter that it names, is not in the root file system"
                             : std::strerror(errno));
  std::fflush(stderr);
  ::_exit(127);
}

pid_t start_program(const Step& step, std::int64_t time) {
  const pid_t child = ::fork();
  if (child != 0)
    return child;
  ::setpgid(0, 0);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  become(command_of(step), environment_of(step, time));
  return -1;
}

/// Waits for a child, and takes what others leave behind, as the first process of a namespace has to. False
/// when the time is over.
bool wait_for(pid_t child, std::int64_t timeout, int& status) {
  const auto until = Clock::now() + std::chrono::seconds(timeout);
  sigset_t ended;
  ::sigemptyset(&ended);
  ::sigaddset(&ended, SIGCHLD);
  for (;;) {
    int one = 0;
    pid_t reaped = 0;
    while ((reaped = ::waitpid(-1, &one, WNOHANG)) > 0)
      if (reaped == child) {
        status = one;
        return true;
      }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (timeout > 0 && left <= 0)
      return false;
    const timespec patience{timeout > 0 ? left / 1000 : 3600, timeout > 0 ? left % 1000 * 1'000'000 : 0};
    ::sigtimedwait(&ended, nullptr, &patience);
  }
}

void run_shell(const Step& step, std::int64_t time, const ShellTerminal& terminal) {
  terminal.ask();
  const pid_t child = ::fork();
  if (child == 0) {
    terminal.become_session();
    std::vector<std::string> environment = environment_of(step, time);
    std::erase_if(environment, [](const std::string& entry) {
      return entry.starts_with("TERM=") || entry.starts_with("BASH_ENV=");
    });
    environment.emplace_back("TERM=linux");
    fmt::print(
        "vmimage: '{}' failed. This is a shell in the root file system as it is now; 'exit' ends the "
        "build.\r\n",
        step.name);
    std::fflush(stdout);
    const bool bash = ::access("/bin/bash", X_OK) == 0;
    become(bash ? std::vector<std::string>{"/bin/bash", "--norc", "-i"}
                : std::vector<std::string>{"/bin/sh", "-i"},
           environment);
  }
  int ignored = 0;
  wait_for(child, 0, ignored);
}

void read_ended_at(Outcome& outcome) {
  std::ifstream stream(kEndedAt);
  std::string line;
  if (std::getline(stream, line))
    outcome.line = std::atoi(line.c_str());
  std::getline(stream, outcome.command);
}

}  // namespace

Outcome perform(const Step& step, const StepFiles& files, std::int64_t time, const ShellTerminal* terminal) {
  sigset_t ended;
  ::sigemptyset(&ended);
  ::sigaddset(&ended, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &ended, nullptr);
  fs::create_directories(kStepFolder);
  for (std::size_t i = 0; i < files.files.size(); ++i)
    copy(files.files[i], fs::path(kStepFolder) / step.files[i].name, 0755);
  write_text(kBashEnvironment, kBashTraps);
  const fs::path resolver = files.resolv_conf >= 0 ? provide_resolver(files.resolv_conf) : fs::path();

  const pid_t child = start_program(step, time);
  if (child < 0)
    throw_errno("start a process");
  Outcome outcome;
  outcome.traceable = is_sh_script(step.argv.at(0));
  int status = 0;
  if (!wait_for(child, step.timeout, status))
    outcome.timed_out = true;
  else if (WIFSIGNALED(status))
    outcome.signal = WTERMSIG(status);
  else
    outcome.exit_status = WEXITSTATUS(status);
  const bool good = outcome.exit_status == 0 && outcome.signal == 0 && !outcome.timed_out;
  if (!good && !outcome.timed_out)
    read_ended_at(outcome);
  if (!good && terminal)
    run_shell(step, time, *terminal);
  if (!resolver.empty()) {
    ::umount2(resolver.c_str(), MNT_DETACH);
    ::unlink(resolver.c_str());
  }
  return outcome;
}

}  // namespace vmimage::provision
