#pragma once
// Processes that outlive us: telling one from a later one with the same pid, and looking at what it uses.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "driver/machines.hpp"
#include "support/descriptor.hpp"

namespace vmfleet::driver {

/// A process for good: its pid, and when it was started (clock ticks since the host's boot, proc(5)).
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  bool operator==(const ProcessId&) const = default;
};

/// The process that has this pid now; nothing when there is none, or only its exit status is left.
std::optional<ProcessId> identify(pid_t pid);
bool is_alive(const ProcessId& process);

/// A process's end, for whoever looks often: asking costs a fraction of is_alive().
class ProcessEnd {
 public:
  ProcessEnd() = default;
  explicit ProcessEnd(const ProcessId& process);
  bool has_come() const;

 private:
  ProcessId process_;
  vmimage::support::Descriptor opened_;
};

/// Sends a signal unless the process is gone.
void send_signal(const ProcessId& process, int signal);

/// Whether it is gone in time; a child of ours leaves nothing then.
bool wait_for_end(const ProcessId& process, std::chrono::milliseconds limit);

/// Kills it and waits until it is gone.
void end_now(const ProcessId& process);

Use use_of(pid_t pid);

/// A process of ours that has `word` among its arguments; nothing when there is none.
std::optional<ProcessId> find_by_argument(const std::string& word);

/// Whether a process was started with this word.
bool has_argument(pid_t pid, const std::string& word);

/// The host's boot, so that what was noted before it is not believed after it.
std::string boot_id();

}  // namespace vmfleet::driver
