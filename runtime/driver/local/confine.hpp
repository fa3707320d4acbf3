#pragma once
// What a machine's process can reach of this host. vmfleet starts itself for it (`vmfleet confine`), so that
// it is a process with one thread, enters namespaces of its own (namespaces(7)), and becomes QEMU: the pid
// stays the same.

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace vmfleet::driver {

namespace fs = std::filesystem;

/// The hidden command of vmfleet.
constexpr const char* kConfineCommand = "confine";

struct Confinement {
  std::vector<fs::path> read;   ///< files and folders; /usr, which programs come from, is there besides
  std::vector<fs::path> write;  ///< of files and folders; they exist
  uid_t user = 0;               ///< when root starts it: who it becomes, and its group; 0: stays who it is
};

/// The command line that starts `argv` so. Pure.
std::vector<std::string> confined(const std::vector<std::string>& argv, const Confinement& confinement);

/// Whether this machine lets us, found out once by trying.
struct ConfinementSupport {
  bool possible = false;
  std::string reason;  ///< why not
};
const ConfinementSupport& probe_confinement();

/// An unprivileged user for a machine that root starts, out of the numbers that systemd keeps for containers;
/// another one for each of the next 128 machines of a fleet. `id` ends with the machine's number.
uid_t user_of(const fs::path& fleet, const std::string& id);

/// Becomes `argv`, with no more to see than that. Throws Error.
[[noreturn]] void confine(const std::vector<std::string>& argv, const Confinement& confinement);

}  // namespace vmfleet::driver
