#pragma once
// A shell for a person, from inside a jail: its terminal is a pseudo-terminal, so that nothing in there holds
// the real one.

#include <sys/types.h>

namespace vmimage::provision {

/// The real terminal and a pseudo-terminal for the shell; made before any namespace is entered.
class ShellTerminal {
 public:
  ShellTerminal();  ///< throws Error{Usage} when there is no terminal
  ~ShellTerminal();
  ShellTerminal(const ShellTerminal&) = delete;
  ShellTerminal& operator=(const ShellTerminal&) = delete;

  /// For the process that becomes the shell: its streams and controlling terminal.
  void become_session() const;
  /// In the jail: tells the other side that a shell starts, which then takes the terminal.
  void ask() const;
  /// On the real terminal's side: carries bytes both ways whenever the shell runs, until `process` ends.
  void relay_until_end(pid_t process);

 private:
  void take();
  void give_back();
  int terminal_ = -1;
  int master_ = -1;
  int slave_ = -1;
  int asked_[2] = {-1, -1};
};

}  // namespace vmimage::provision
