#pragma once
// This terminal, as the end of a machine's serial console.

#include <termios.h>

#include <string>
#include <string_view>

namespace vmimage::machine {

/// The terminal of standard input, raw until this goes: Ctrl-C and the like go to the guest.
class RawTerminal {
 public:
  RawTerminal();
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

struct Typed {
  std::string text;
  bool left = false;   ///< Ctrl-] was typed on a terminal, after this text
  bool ended = false;  ///< standard input has
};
/// What there is on standard input.
Typed read_typed();

/// To standard output, at once.
void write_out(std::string_view bytes);

}  // namespace vmimage::machine
