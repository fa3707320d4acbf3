#pragma once
// Machines on a bridge of this host: each has a tap there, which QEMU's own helper opens, so that what is
// allowed is said where QEMU's users say it (/etc/qemu/bridge.conf). vmfleet starts itself for it (`vmfleet
// tap`), and becomes the machine's process, which inherits the tap.

#include <string>
#include <vector>

#include "support/descriptor.hpp"

namespace vmfleet::driver {

/// The hidden command of vmfleet.
constexpr const char* kTapCommand = "tap";
/// The descriptor that QEMU has it as.
constexpr int kTap = 3;

/// What to do about the helper's refusal, as root or not. Pure.
std::string advice_on_tap(const std::string& refusal, const std::string& bridge, bool root);

/// A tap on this bridge, gone once it is closed. Throws Error{Usage} that says what to do.
vmimage::support::Descriptor open_tap(const std::string& bridge);

/// The command line that starts `argv` with one. Pure.
std::vector<std::string> with_tap(const std::string& bridge, const std::vector<std::string>& argv);

/// Becomes `argv`, which has one. Throws Error.
[[noreturn]] void run_with_tap(const std::string& bridge, const std::vector<std::string>& argv);

}  // namespace vmfleet::driver
