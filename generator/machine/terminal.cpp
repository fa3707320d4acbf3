#include "machine/terminal.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "support/process.hpp"

namespace vmimage::machine {

namespace {

constexpr char kLeave = 0x1d;  // Ctrl-]

}  // namespace

RawTerminal::RawTerminal() {
  if (::tcgetattr(STDIN_FILENO, &before_) != 0)
    return;
  termios raw = before_;
  ::cfmakeraw(&raw);
  changed_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (changed_)
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

Typed read_typed() {
  std::array<char, 4096> bytes;
  const auto got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  Typed typed;
  typed.ended = got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN);
  if (got > 0)
    typed.text.assign(bytes.data(), static_cast<std::size_t>(got));
  const auto leave = ::isatty(STDIN_FILENO) ? typed.text.find(kLeave) : std::string::npos;
  if (leave != std::string::npos) {
    typed.text.resize(leave);
    typed.left = true;
  }
  return typed;
}

void write_out(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR && !support::interrupted())
      continue;
    if (written < 0)
      return;  // nobody reads it any more; the machine goes on
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace vmimage::machine
