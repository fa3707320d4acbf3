#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>

#include "driver/local/guest_line.hpp"
#include "driver/local/launch.hpp"
#include "driver/local/snapshot.hpp"
#include "machine/qmp.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace machine = vmimage::machine;
namespace support = vmimage::support;

namespace {

constexpr auto kIdentityLimit = std::chrono::seconds(20);  // of milliseconds, on a machine that has time

void copy_own(const fs::path& from, const fs::path& to) {
  support::copy_sparse(from, to);
  fs::permissions(to, fs::perms::owner_read | fs::perms::owner_write);
}

/// Its devices as they were. QEMU does not tell the network of the card's address: it is about to have
/// another one. The card's cable was drawn when it was saved.
void load(machine::Qmp& qmp, const Snapshot& snapshot) {
  ignore_shared_memory(qmp);
  qmp.execute("migrate-set-parameters", {{"announce-rounds", 0}});
  pass_devices(qmp, snapshot.devices(), O_RDONLY);
  qmp.execute("migrate-incoming", {{"uri", "fd:devices"}});
  wait_for_migration(qmp);
  qmp.execute("set_link", {{"name", "net"}, {"up", true}});
}

}  // namespace

void take_on_identity(const Launch& launch, machine::Qmp& qmp, const Mac& mac) {
  GuestLine line(launch);
  auto identity = new_identity(launch.id, mac);
  identity.renew = !launch.bridge.empty();
  line.send(identity_line(identity));
  qmp.execute("cont");
  if (const std::string answer = line.receive(kIdentityLimit); answer != "done")
    throw support::failure(fmt::format("the guest took on no identity of its own: {}", answer));
}

Running resume(const Launch& launch, const Snapshot& snapshot, const Mac& mac) {
  make_folder(launch);
  copy_own(snapshot.disk(), launch.folder / "disk.qcow2");
  copy_own(snapshot.console(), launch.log);
  machine::Machine vm = describe(launch);
  vm.memory_file = {snapshot.memory(), machine::MemoryFile::Kind::Private};
  vm.waits = true;
  const auto process = start_qemu(launch, vm);
  try {
    auto qmp = with_monitor(launch, process, [](machine::Qmp opened) { return opened; });
    load(qmp, snapshot);
    take_on_identity(launch, qmp, mac);
    auto running = running_machine(launch, process, qmp);
    running.start = "warm";
    return running;
  } catch (const support::Error&) {
    if (!is_alive(process))  // what it said of it tells more
      throw support::failure(fmt::format("failed to resume {}: {}", launch.id, last_words(launch)));
    end_now(process);
    throw;
  }
}

}  // namespace vmfleet::driver
