#pragma once
// One machine's part of this host: what its QEMU can reach, and whose that is.

#include "driver/local/confine.hpp"
#include "driver/machines.hpp"
#include "machine/machine.hpp"

namespace vmfleet::driver {

/// The files of a machine. Pure, but for the user that they are for.
Confinement confinement_of(const Launch& launch, const vmimage::machine::Machine& vm);

/// The command line that starts QEMU with no more than that where this machine lets us, else as it is. What
/// it writes is made, and given to the user that it becomes.
std::vector<std::string> isolated(const Launch& launch, const vmimage::machine::Machine& vm,
                                  const std::vector<std::string>& argv);

/// "namespaces", or "none: <why>", of a process that runs.
std::string confinement_of(pid_t process);

}  // namespace vmfleet::driver
