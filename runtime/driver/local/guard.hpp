#pragma once
// What is loaded into QEMU: it keeps a machine from the services of this host's loopback network
// (guard/loopback.cpp), and the memory of a snapshot from being written (guard/memory.cpp).

#include <string>
#include <string_view>
#include <vector>

#include "driver/machines.hpp"
#include "machine/machine.hpp"

namespace vmfleet::driver {

/// The shared library, as bytes.
std::string_view guard_library();

/// Writes it to the machine's folder; returns the command line that starts `argv` with it.
std::vector<std::string> guarded(const Launch& launch, const vmimage::machine::Machine& vm,
                                 const std::vector<std::string>& argv);

}  // namespace vmfleet::driver
