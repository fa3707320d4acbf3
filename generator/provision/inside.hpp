#pragma once
// What the process does that works in a root file system: namespaces, the tree in memory, the steps in it,
// and the archive of what they changed. vmimage starts itself for this (see sandbox.hpp), so that it is a
// process with one thread that namespaces can be changed in.

#include <string>

namespace vmimage::provision {

/// Carries out a plan (JSON). What the steps print goes to standard error, the outcome (JSON) to standard
/// output. Throws Error for what is wrong outside of the steps.
void carry_out(const std::string& plan);

}  // namespace vmimage::provision
