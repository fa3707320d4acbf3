#include "support/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace vmimage::support {

namespace {

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

}  // namespace

Progress::Mode Progress::detect() {
  const char* terminal = std::getenv("TERM");
  const bool dumb = !terminal || std::string(terminal) == "dumb";
  return ::isatty(STDERR_FILENO) && !dumb ? Mode::Terminal : Mode::Plain;
}

Progress::~Progress() {
  clear();
}

void Progress::clear() {
  if (shown_)
    std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void Progress::step(const std::string& line) {
  if (mode_ == Mode::Quiet)
    return;
  if (mode_ == Mode::Plain) {
    fmt::print(stderr, "{}: {}\n", program_invocation_short_name, line);
    return;
  }
  clear();
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  std::string text = fmt::format("{:5.1f} s  {}", seconds, line);
  text.resize(std::min(text.size(), terminal_width() - 1));
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
  shown_ = true;
}

}  // namespace vmimage::support
