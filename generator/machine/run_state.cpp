#include "machine/run_state.hpp"

#include <fmt/format.h>

namespace vmimage::machine {

std::optional<Halt> parse_run_state(const std::string& status) {
  if (status == "running")
    return std::nullopt;
  if (status == "guest-panicked")
    return Halt{.cause = "its kernel panicked"};
  if (status == "internal-error")
    return Halt{.cause = "QEMU met an error of its own"};
  if (status == "shutdown" || status == "watchdog")
    return Halt{.cause = status == "shutdown" ? "it has shut down" : "its watchdog has expired"};
  if (status == "io-error")
    return Halt{
        .cause = "its disk cannot be written: this machine has no room left", .final = false, .full = true};
  return Halt{.cause = fmt::format("its machine does not run (QEMU says '{}')", status), .final = false};
}

std::optional<Halt> find_halt(Qmp& qmp) {
  auto halt = parse_run_state(qmp.execute("query-status").value("status", std::string()));
  if (halt && halt->full)
    qmp.execute("cont");
  return halt;
}

}  // namespace vmimage::machine
