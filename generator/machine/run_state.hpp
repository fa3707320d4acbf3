#pragma once
// What QEMU says of a machine that does not run (RunState of QMP's "query-status").

#include <optional>
#include <string>

#include "machine/qmp.hpp"

namespace vmimage::machine {

struct Halt {
  std::string cause;  ///< in a few words, after "it": "its kernel panicked"
  bool final = true;  ///< nothing brings it back
  bool full = false;  ///< it waits for room on this machine's disk
  bool operator==(const Halt&) const = default;
};

/// Nothing while a machine runs. Pure.
std::optional<Halt> parse_run_state(const std::string& status);

/// Asks. A machine that waits for room on the disk is told to try again.
std::optional<Halt> find_halt(Qmp& qmp);

}  // namespace vmimage::machine
