#pragma once
// A machine's serial console on this terminal.

#include <string>

#include "support/process.hpp"

namespace vmimage::machine {

class Console {
 public:
  Console();
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// The machine's ends.
  support::Child::Streams streams() const;

  enum class End { Machine, User };  ///< it ended by itself, or Ctrl-] was typed
  /// To be called once QEMU runs: carries bytes both ways. The terminal is raw meanwhile, so that Ctrl-C and
  /// the like go to the guest; it is as before when this returns or throws Error{Interrupted}.
  End run(support::Child& qemu);

 private:
  void read_terminal();
  void write_guest();
  bool copy_output();

  int to_guest_[2] = {-1, -1};
  int from_guest_[2] = {-1, -1};
  std::string typed_;
  bool typing_ = true;
  bool left_ = false;
};

}  // namespace vmimage::machine
