#pragma once
// A machine's process is held to the machine's size by a cgroup of its own, where this host has delegated
// some to us (cgroups(7), version 2; systemd's "Control Group APIs and Delegation").

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "machine/machine.hpp"
#include "recipe/service.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;

/// What the process of a machine may take: its size, and what QEMU needs for itself. Pure; as cpu.max and
/// memory.max have it.
std::string cpu_limit(const vmimage::recipe::Size& size);
std::string memory_limit(const vmimage::recipe::Size& size, vmimage::machine::Accelerator accelerator);

/// Where the file system of version 2 is, out of /proc/self/mountinfo; empty: nowhere. Pure.
fs::path parse_cgroup_mount(const std::string& mountinfo);
/// The path in it, out of /proc/<pid>/cgroup; empty: none. Pure.
std::string parse_cgroup(const std::string& text);

/// Where ours can be made, found out once by trying.
struct CgroupSupport {
  fs::path base;
  std::string reason;  ///< why nowhere
};
const CgroupSupport& probe_cgroups();

/// Puts a process that has just been started into a cgroup with these limits; `folder` is the machine's own.
/// Where that is not possible it goes on without.
void hold(pid_t process, const fs::path& folder, const vmimage::recipe::Size& size,
          vmimage::machine::Accelerator accelerator);

/// "cgroup", or "none: <why>", of a process that runs.
std::string limits_of(pid_t process);

/// Whether the machine with this folder was ended because it wanted more memory than that.
bool wanted_more(const fs::path& folder);

/// Removes the cgroup of a machine that is gone.
void release(const fs::path& folder);

}  // namespace vmfleet::driver
