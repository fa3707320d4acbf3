#pragma once
// What a machine needs of this host to boot by UEFI.

#include <cstdint>
#include <filesystem>

#include "machine/machine.hpp"

namespace vmimage::machine {

/// With less memory OVMF (edk2) crashes when it starts the unified kernel image of the minimal base: found by
/// trial to be between 128 and 144 MiB; the rest is room for other firmware builds and larger initrds.
constexpr std::uint64_t kUefiMemory = 192ull << 20;

struct UefiFiles {
  std::filesystem::path code;       ///< read-only flash
  std::filesystem::path variables;  ///< what a machine's own copy starts as
};

/// Where distributions put OVMF without secure boot. Throws Error{Failure} when it is not installed.
UefiFiles find_uefi();

/// OVMF with Secure Boot, and the variables that its keys are among: this store, or when that is empty the
/// distribution's, which has Microsoft's keys. Throws Error{Failure} when it is not installed, Error{Usage}
/// for a store that cannot be this firmware's.
UefiFiles find_secure_uefi(const std::filesystem::path& variables);

/// Lets the machine start by it, with a copy of the variables of its own in `folder`.
void use_uefi(Machine& machine, const UefiFiles& files, const std::filesystem::path& folder);

}  // namespace vmimage::machine
