#pragma once
// What is in a root file system that somebody else made, as far as an image on it has to know.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "inspect/reader.hpp"
#include "recipe/manifest.hpp"
#include "rootfs/tree.hpp"
#include "support/json.hpp"

namespace vmimage::base {

struct System {
  std::string init;                        ///< "systemd" | "busybox": ours, of the base minimal
  std::string suite;                       ///< see suite_of_release()
  std::string kernel_version;              ///< the newest that it has modules of; empty: none
  std::vector<recipe::Package> packages;   ///< of dpkg's database; none when it has none
  std::set<std::string> libraries;         ///< file names, where the loader looks without being told to
  rootfs::Tree additions;                  ///< what it lacks for settings and network
  std::vector<std::string> warnings = {};  ///< one line each, for people
};

/// Whether the tree boots by a kernel and boot loader of its own, or by those of a kit.
enum class KernelOf { Itself, Kit };

/// Throws Error{Usage}, saying what was found, when there is no init that services can be put under.
System look_at(const inspect::Reader& files, KernelOf kernel, const std::string& name);

/// The release that os-release(5) tells: VERSION_CODENAME, else ID and VERSION_ID; "an unknown system". Pure.
std::string suite_of_release(const std::string& os_release);

/// The newest of kernel versions, as strverscmp(3) has it; empty: none. Pure.
std::string newest(const std::vector<std::string>& versions);

support::json to_json(const System& system);
System parse_system(const support::json& document);

}  // namespace vmimage::base
