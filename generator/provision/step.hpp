#pragma once
// One step, in its jail: the first process of the namespace, which runs the program and ends all it has left
// behind by ending itself.

#include <cstdint>
#include <vector>

#include "provision/plan.hpp"

namespace vmimage::provision {

class ShellTerminal;

/// Descriptors of the host's files that the step gets copies of.
struct StepFiles {
  std::vector<int> files;  ///< in the order of Step::files
  int resolv_conf = -1;    ///< for a step with network; -1: none
};

/// Runs the program with what it prints on standard error. `terminal`: for a shell when it fails, or null.
Outcome perform(const Step& step, const StepFiles& files, std::int64_t time, const ShellTerminal* terminal);

}  // namespace vmimage::provision
