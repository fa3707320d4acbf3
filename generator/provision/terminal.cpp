#include "provision/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "support/error.hpp"

namespace vmimage::provision {

namespace {

// What a signal handler needs to leave the terminal as it was.
int g_terminal = -1;
pid_t g_foreground = -1;
termios g_settings{};

void restore() {
  if (g_terminal < 0)
    return;
  ::tcsetattr(g_terminal, TCSADRAIN, &g_settings);
  ::tcsetpgrp(g_terminal, g_foreground);
  g_terminal = -1;
}

void on_signal(int signal) {
  restore();
  ::_exit(128 + signal);
}

bool copy(int from, int to) {
  std::array<char, 4096> buffer;
  const auto got = ::read(from, buffer.data(), buffer.size());
  if (got <= 0)
    return false;
  for (ssize_t done = 0; done < got;) {
    const auto put = ::write(to, buffer.data() + done, static_cast<std::size_t>(got - done));
    if (put <= 0)
      return false;
    done += put;
  }
  return true;
}

}  // namespace

ShellTerminal::ShellTerminal()
    : terminal_(::open("/dev/tty", O_RDWR | O_CLOEXEC)),
      master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
  if (terminal_ < 0)
    throw support::invalid("a shell needs a terminal, and there is none",
                           "leave --debug-shell out, or run it on a terminal");
  if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0)
    support::throw_errno("make a terminal");
  slave_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave_ < 0 || ::pipe2(asked_, O_CLOEXEC) != 0)
    support::throw_errno("make a terminal");
  winsize size{};
  if (::ioctl(terminal_, TIOCGWINSZ, &size) == 0)
    ::ioctl(slave_, TIOCSWINSZ, &size);
}

ShellTerminal::~ShellTerminal() {
  restore();
  for (const int fd : {terminal_, master_, slave_, asked_[0], asked_[1]})
    if (fd >= 0)
      ::close(fd);
}

void ShellTerminal::become_session() const {
  ::setsid();
  ::ioctl(slave_, TIOCSCTTY, 0);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::dup2(slave_, stream);
}

void ShellTerminal::ask() const {
  [[maybe_unused]] const auto written = ::write(asked_[1], "s", 1);
}

void ShellTerminal::take() {
  // We are in the background: without this the terminal would stop us when we take it.
  ::signal(SIGTTOU, SIG_IGN);
  g_foreground = ::tcgetpgrp(terminal_);
  ::tcgetattr(terminal_, &g_settings);
  g_terminal = terminal_;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    ::signal(signal, on_signal);
  ::tcsetpgrp(terminal_, ::getpgrp());
  termios raw = g_settings;
  ::cfmakeraw(&raw);
  ::tcsetattr(terminal_, TCSADRAIN, &raw);
}

void ShellTerminal::give_back() {
  restore();
}

void ShellTerminal::relay_until_end(pid_t process) {
  ::close(slave_);
  ::close(asked_[1]);
  slave_ = asked_[1] = -1;
  const int ended = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
  bool shell = false;
  bool typing = true;
  for (;;) {
    std::array<pollfd, 4> polls{pollfd{shell ? master_ : -1, POLLIN, 0},
                                pollfd{shell && typing ? terminal_ : -1, POLLIN, 0},
                                pollfd{shell ? -1 : asked_[0], POLLIN, 0}, pollfd{ended, POLLIN, 0}};
    if (::poll(polls.data(), polls.size(), -1) < 0)
      continue;
    if (polls[2].revents & POLLIN) {
      shell = true;
      take();
    } else if (polls[0].revents) {
      if (!copy(master_, terminal_)) {
        shell = false;  // it has ended: nobody holds the other side
        give_back();
        ::close(asked_[0]);
        asked_[0] = -1;
      }
    } else if (polls[1].revents) {
      typing = copy(terminal_, master_);
    } else if (polls[3].revents || polls[2].revents) {
      if (polls[3].revents)
        break;
      ::close(asked_[0]);
      asked_[0] = -1;
    }
  }
  give_back();
  ::close(ended);
}

}  // namespace vmimage::provision
