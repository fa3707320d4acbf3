#pragma once
// From all that an instance is started from to a QEMU that runs: its files, its command line, its process.

#include <chrono>
#include <string>

#include "driver/local/process.hpp"
#include "driver/machines.hpp"
#include "machine/machine.hpp"
#include "machine/qmp.hpp"
#include "support/error.hpp"

namespace vmfleet::driver {

constexpr auto kMonitorLimit = std::chrono::seconds(20);  ///< QEMU opens its monitor in well under a second

/// Its folder anew, with all in it that QEMU reads but for its disk.
void make_folder(const Launch& launch);

/// Its disk: an overlay on the image.
void make_overlay(const Launch& launch);

/// The machine, with a line to the program in the guest that gives it an identity (guest/programs/identity).
vmimage::machine::Machine describe(const Launch& launch);

/// Starts QEMU, held to the machine's size and kept from the rest of this host. Throws Error with QEMU's
/// complaint.
ProcessId start_qemu(const Launch& launch, const vmimage::machine::Machine& vm);

/// That QEMU has ended, and what it said last.
vmimage::support::Error failed_start(const Launch& launch);

/// Waits for QEMU's monitor and returns what `use` makes of it. Until then QEMU may end with a complaint,
/// which is thrown as Error.
template <typename Use>
auto with_monitor(const Launch& launch, const ProcessId& process, Use use) {
  const auto until = std::chrono::steady_clock::now() + kMonitorLimit;
  while (true) {
    if (!is_alive(process))
      throw failed_start(launch);
    try {
      return use(vmimage::machine::Qmp(launch.socket, std::chrono::milliseconds(500)));
    } catch (const vmimage::support::Error&) {
      if (std::chrono::steady_clock::now() > until)
        throw;
    }
  }
}

/// The same, and asks where the guest's ports are.
Running wait_for_monitor(const Launch& launch, const ProcessId& process);
/// The second half of it, once the monitor is known to answer.
Running running_machine(const Launch& launch, const ProcessId& process, vmimage::machine::Qmp& qmp);

/// A machine from its first instruction on.
Running start_cold(const Launch& launch);

/// What QEMU said last, out of the machine's folder.
std::string last_words(const Launch& launch);

ProcessId process_of(const Running& running);

}  // namespace vmfleet::driver
