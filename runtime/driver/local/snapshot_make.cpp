// How a snapshot is made: of a machine that is booted for it and gets no request but health checks, so that
// there is nothing in it that was meant for one instance only.

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "driver/local/cgroup.hpp"
#include "driver/local/guest_line.hpp"
#include "driver/local/launch.hpp"
#include "driver/local/snapshot.hpp"
#include "machine/health.hpp"
#include "machine/qmp.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace machine = vmimage::machine;
namespace support = vmimage::support;
using support::failure;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr auto kBootLimit = std::chrono::minutes(5);
constexpr milliseconds kBetweenChecks{100};
constexpr milliseconds kCheckLimit{3000};
constexpr milliseconds kAnswerLimit{20'000};
// What a guest still does after its service has answered is done once in the donor, and not in each instance;
// but one that is never idle is good enough.
constexpr milliseconds kIdleLook{500};
constexpr double kIdleShare = 0.1;  // of one processor
constexpr auto kIdleLimit = std::chrono::seconds(20);
constexpr auto kEndLimit = std::chrono::seconds(10);

/// A machine that is gone, with its files, when this goes.
class Donor {
 public:
  explicit Donor(Launch launch) : launch_(std::move(launch)) {}
  ~Donor() {
    end_now(process_);
    std::error_code ignored;
    release(launch_.folder);
    fs::remove_all(launch_.folder, ignored);
    fs::remove_all(launch_.socket.parent_path(), ignored);
  }
  Donor(const Donor&) = delete;
  Donor& operator=(const Donor&) = delete;

  Running start(const Snapshot& part) {
    make_folder(launch_);
    make_overlay(launch_);
    auto vm = describe(launch_);
    if (!launch_.bridge.empty()) {
      mac_ = new_mac();
      vm.mac_address = to_string(mac_);
    }
    const support::Descriptor memory(
        ::open(part.memory().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!memory.open())  // QEMU gives it its size
      support::throw_errno(fmt::format("create '{}'", part.memory().string()));
    vm.memory_file = {part.memory(), machine::MemoryFile::Kind::Shared};
    process_ = start_qemu(launch_, vm);
    return wait_for_monitor(launch_, process_);
  }
  const ProcessId& process() const { return process_; }
  const Launch& launch() const { return launch_; }
  const Mac& mac() const { return mac_; }

 private:
  Launch launch_;
  ProcessId process_;
  Mac mac_ = kDefaultMac;
};

void check(const Donor& donor, const std::stop_token& give_up, Clock::time_point until) {
  if (give_up.stop_requested())
    throw failure("given up");
  if (!is_alive(donor.process()))
    throw failure(fmt::format("its machine ended: {}", last_words(donor.launch())));
  if (Clock::now() > until)
    throw failure("it did not get healthy in time");
}

void wait_until_healthy(const Donor& donor, const Running& running, const std::stop_token& give_up) {
  const auto& health = donor.launch().manifest->health;
  const auto until = Clock::now() + kBootLimit;
  machine::Reached reached;  // on a bridge, the guest takes its connections itself
  if (!running.bridged)
    reached = [&](std::uint16_t) {
      machine::Qmp qmp(donor.launch().socket, kCheckLimit);
      return machine::reached_guest(qmp, health.port);
    };
  const auto port = running.ports.find(health.port);
  if (port == running.ports.end())
    throw failure("the image has no health check, so that nothing tells when it is ready");
  while (true) {
    check(donor, give_up, until);
    try {
      const std::string address = address_of(donor.launch(), running, kCheckLimit);
      if (!machine::check_health(health, address, port->second, kCheckLimit, reached))
        return;
    } catch (const support::Error&) {
      // Its monitor did not answer, or it has no address yet: whether it runs is looked at again.
    }
    std::this_thread::sleep_for(kBetweenChecks);
  }
}

void wait_until_idle(const Donor& donor, const std::stop_token& give_up) {
  const auto until = Clock::now() + kIdleLimit;
  const double busy = kIdleShare * std::chrono::duration<double>(kIdleLook).count();
  double before = use_of(donor.process().pid).cpu_seconds;
  while (Clock::now() < until) {
    std::this_thread::sleep_for(kIdleLook);
    check(donor, give_up, until + kIdleLook);
    const double now = use_of(donor.process().pid).cpu_seconds;
    if (now - before < busy)
      return;
    before = now;
  }
}

/// Once before it counts: then all that it takes is in memory, and known to work. The card keeps its address:
/// for another one QEMU's user network would have another place in the network.
void rehearse_identity(const Donor& donor) {
  GuestLine line(donor.launch());
  line.send("hello");
  if (const std::string answer = line.receive(kAnswerLimit); answer != "ready")
    throw failure(answer.starts_with("never: ") ? answer.substr(7) : answer);
  auto identity = new_identity(donor.launch().id);
  identity.mac = donor.mac();
  line.send(identity_line(identity));
  if (const std::string answer = line.receive(kAnswerLimit); answer != "done")
    throw failure(fmt::format("the guest takes on no identity: {}", answer));
}

/// Its network goes first: QEMU's user network would remember the address that the donor's card has.
void save(const Donor& donor, const Snapshot& part) {
  machine::Qmp qmp(donor.launch().socket, kAnswerLimit);
  qmp.execute("stop");
  qmp.execute("netdev_del", {{"id", "net"}});
  ignore_shared_memory(qmp);
  pass_devices(qmp, part.devices(), O_WRONLY | O_CREAT | O_EXCL);
  qmp.execute("migrate", {{"uri", "fd:devices"}});
  wait_for_migration(qmp);
  qmp.execute("quit");
  wait_for_end(donor.process(), kEndLimit);
  fs::rename(donor.launch().folder / "disk.qcow2", part.disk());
}

/// A disk that is full of snapshots would hold up the instances.
void require_room(const Launch& launch, const fs::path& folder) {
  const std::uint64_t wanted = 2 * launch.size.memory;
  if (fs::space(folder).available < wanted)
    throw failure(fmt::format("its disk has no {} left", recipe::format_size(wanted)));
}

/// From now on nobody writes it.
void protect(const Snapshot& part) {
  for (const auto& file : {part.memory(), part.devices(), part.disk(), part.console()})
    if (::chown(file.c_str(), ::geteuid(), ::getegid()) != 0 || ::chmod(file.c_str(), 0444) != 0)
      support::throw_errno(fmt::format("protect '{}'", file.string()));
}

}  // namespace

Launch donor_of(const Launch& of, const Snapshot& snapshot) {
  Launch donor = of;
  donor.id = of.id.substr(0, of.id.rfind('-')) + "-0";
  donor.folder = of.folder.parent_path() / donor.id;
  donor.socket = of.socket.parent_path().parent_path() / "0" / of.socket.filename();
  donor.log = snapshot.console();
  return donor;
}

void make_snapshot(const Launch& of, const Snapshot& snapshot, const std::stop_token& give_up) {
  const Snapshot part{snapshot.folder.string() + ".part"};
  fs::remove_all(part.folder);
  fs::create_directories(part.folder);
  try {
    require_room(of, part.folder);
    Donor donor(donor_of(of, part));
    const auto running = donor.start(part);
    wait_until_healthy(donor, running, give_up);
    wait_until_idle(donor, give_up);
    rehearse_identity(donor);
    wait_until_idle(donor, give_up);
    wait_until_healthy(donor, running, give_up);
    save(donor, part);
    protect(part);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(part.folder, ignored);
    throw;
  }
  fs::rename(part.folder, snapshot.folder);
}

}  // namespace vmfleet::driver
