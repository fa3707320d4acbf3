#pragma once
// A snapshot of a healthy machine, beside the instances that are resumed from it: its memory, its devices'
// state, its disk, and what it said until then.

#include <filesystem>
#include <stop_token>
#include <string>

#include "driver/local/guest_line.hpp"
#include "driver/machines.hpp"
#include "machine/machine.hpp"
#include "machine/qmp.hpp"

namespace vmfleet::driver {

/// The folder of one.
struct Snapshot {
  std::filesystem::path folder;

  std::filesystem::path memory() const { return folder / "memory"; }
  std::filesystem::path devices() const { return folder / "devices"; }
  std::filesystem::path disk() const { return folder / "disk.qcow2"; }
  std::filesystem::path console() const { return folder / "console.log"; }
  bool exists() const;
};

/// All that a snapshot and what is resumed from it have to have in common: image, size, settings and secrets;
/// this host since its start, its QEMU and how that is called. Two launches of one name are of one kind.
std::string snapshot_name(const Launch& launch, const vmimage::machine::Machine& vm);

/// Boots a machine for it, waits until that is healthy and has nothing more to do, and saves it as
/// `snapshot`, which appears whole or not at all. Ends early when that is asked for. Throws Error: no
/// snapshot of this kind can be made.
void make_snapshot(const Launch& of, const Snapshot& snapshot, const std::stop_token& give_up);

/// The machine that a snapshot is made of: like that of `of`, with a name and files of its own.
Launch donor_of(const Launch& of, const Snapshot& snapshot);

/// Resumes an instance, which has an identity of its own when it returns. Throws Error, and nothing runs.
Running resume(const Launch& launch, const Snapshot& snapshot, const Mac& mac = new_mac());

/// Lets a machine that is stopped go on as this instance. One that had this identity before has to keep its
/// card's address: its network would give another card another IP address, to which no port leads. Throws
/// Error.
void take_on_identity(const Launch& launch, vmimage::machine::Qmp& qmp, const Mac& mac);

/// Lets QEMU leave memory that is a file out of what it saves, or expects.
void ignore_shared_memory(vmimage::machine::Qmp& qmp);

/// Gives QEMU a file, which is then known as "devices".
void pass_devices(vmimage::machine::Qmp& qmp, const std::filesystem::path& file, int flags);

/// Waits for the end of what QEMU calls a migration. Throws Error.
void wait_for_migration(vmimage::machine::Qmp& qmp);

}  // namespace vmfleet::driver
