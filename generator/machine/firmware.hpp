#pragma once
// What a machine needs of this host to boot by UEFI.

#include <cstdint>
#include <filesystem>

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

}  // namespace vmimage::machine
