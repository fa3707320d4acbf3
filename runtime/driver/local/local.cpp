#include "driver/local/local.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <thread>

#include "driver/local/cgroup.hpp"
#include "driver/local/guard.hpp"
#include "driver/local/isolation.hpp"
#include "driver/local/network.hpp"
#include "driver/local/process.hpp"
#include "inspect/image.hpp"
#include "machine/accelerator.hpp"
#include "machine/firmware.hpp"
#include "machine/machine.hpp"
#include "machine/qmp.hpp"
#include "machine/run_state.hpp"
#include "recipe/settings.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace machine = vmimage::machine;
namespace support = vmimage::support;
using support::failure;

namespace {

constexpr auto kMonitorLimit = std::chrono::seconds(20);  // QEMU opens its monitor in well under a second

std::string last_words(const fs::path& log) {
  std::error_code problem;
  if (!fs::exists(log, problem))
    return {};
  std::string text = support::read_file(log);
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

/// QEMU's name of an image's format.
std::string format_of(const fs::path& image) {
  const auto info = support::parse_json(
      support::run_checked({.argv = {"qemu-img", "info", "--force-share", "--output=json", image}}),
      "qemu-img info");
  return info.at("format").get<std::string>();
}

void make_overlay(const Launch& launch) {
  support::run_checked({.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "-F", format_of(launch.image),
                                 "-b", launch.image, launch.folder / "disk.qcow2"}});
}

/// Copies of the secrets, for this machine alone; they are there until QEMU has read them.
fs::path secrets_of(const Launch& launch) {
  return launch.folder / "secrets";
}

void write_secrets(const Launch& launch) {
  if (launch.secrets.empty())
    return;
  fs::create_directory(secrets_of(launch));
  for (const auto& entry : fs::directory_iterator(launch.secrets))
    support::write_file_atomic(secrets_of(launch) / entry.path().filename(), support::read_file(entry.path()),
                               0600);
}

/// Waits for QEMU's monitor and asks where the guest's ports are. Until then QEMU may end with a complaint.
Running wait_for_monitor(const Launch& launch, const ProcessId& process) {
  const auto until = std::chrono::steady_clock::now() + kMonitorLimit;
  Running running{process.pid, process.start_time, {}};
  while (true) {
    if (!is_alive(process))
      throw failure(fmt::format("failed to start {}: {}", launch.id, last_words(launch.folder / "qemu.log")));
    try {
      machine::Qmp qmp(launch.socket, std::chrono::milliseconds(500));
      fs::remove_all(secrets_of(launch));
      for (const auto& port : launch.manifest->ports)
        if (port.protocol == recipe::Protocol::Tcp)
          running.ports[port.number] = machine::forwarded_port(qmp, port);
      return running;
    } catch (const support::Error&) {
      if (std::chrono::steady_clock::now() > until)
        throw;
    }
  }
}

/// What the machine starts with, as the image needs it: its kernel, or firmware that finds a boot loader.
void set_firmware(machine::Machine& vm, const Launch& launch) {
  vm.firmware = machine::choose_firmware({}, launch.manifest->boot);
  if (vm.firmware == machine::Firmware::Direct) {
    const auto boot = vmimage::inspect::boot_files(launch.image, *launch.manifest);
    vm.kernel = machine::DirectKernel{boot.kernel, boot.plain_kernel, boot.initrd, boot.command_line};
  } else if (vm.firmware == machine::Firmware::Uefi) {
    fs::create_directories(launch.folder);
    machine::use_uefi(vm, machine::find_uefi(), launch.folder);
    vm.size.memory = std::max(vm.size.memory, machine::kUefiMemory);
  }
}

machine::Machine describe(const Launch& launch) {
  machine::Machine vm;
  vm.name = launch.id;
  vm.disk = launch.folder / "disk.qcow2";
  vm.size = launch.size;
  vm.accelerator = machine::probe_acceleration().kind;
  set_firmware(vm, launch);
  vm.qmp_socket = launch.socket;
  vm.serial_log = launch.log;
  vm.serial_socket = launch.socket.parent_path() / "console";
  vm.settings = launch.folder / "settings";
  vm.ipv6 = has_ipv6();
  if (!launch.secrets.empty())
    for (const auto& entry : fs::directory_iterator(launch.secrets))
      vm.secrets[entry.path().filename()] = secrets_of(launch) / entry.path().filename();
  for (const auto& port : launch.manifest->ports)
    if (port.protocol == recipe::Protocol::Tcp)
      vm.forwards.push_back({port, "127.0.0.1", 0});
  return vm;
}

std::vector<std::string> command_line(const machine::Machine& vm, const fs::path& folder) {
  auto argv = machine::qemu_argv(vm);
  // By this word its process is found again when nobody had time to note its pid.
  argv.insert(argv.end(), {"-pidfile", folder / "pid"});
  // A kernel's panic halts it, so that whoever looks sees why.
  argv.insert(argv.end(), {"-action", "panic=pause"});
  return argv;
}

Running launch_machine(const Launch& launch) {
  fs::remove_all(launch.folder);
  fs::create_directories(launch.folder);
  fs::create_directories(launch.socket.parent_path());
  fs::permissions(launch.socket.parent_path(), fs::perms::owner_all);
  fs::remove(launch.socket);
  fs::create_directories(launch.log.parent_path());
  support::write_file_atomic(launch.folder / "settings", recipe::settings_text(launch.environment), 0600);
  write_secrets(launch);
  make_overlay(launch);
  const auto vm = describe(launch);
  auto argv = command_line(vm, launch.folder);
  if (!launch.host_loopback)
    argv = guarded(launch.folder, argv);
  const pid_t pid = support::start_detached(isolated(launch, vm, argv), launch.folder / "qemu.log");
  const auto process = identify(pid);
  if (!process)
    throw failure(fmt::format("failed to start {}: {}", launch.id, last_words(launch.folder / "qemu.log")));
  hold(pid, launch.folder, vm.size, vm.accelerator);
  try {
    return wait_for_monitor(launch, *process);
  } catch (...) {
    send_signal(*process, SIGKILL);
    throw;
  }
}

ProcessId process_of(const Running& running) {
  return {running.pid, running.start_time};
}

}  // namespace

LocalDriver::~LocalDriver() {
  for (auto& [id, entry] : entries_)
    if (entry.starting.valid())
      entry.starting.wait();
}

void LocalDriver::start(const Launch& launch) {
  Entry& entry = entries_[launch.id];
  entry.launch = launch;
  entry.starting = std::async(std::launch::async, [launch] { return launch_machine(launch); });
}

void LocalDriver::adopt(const Launch& launch, const std::optional<Running>& running) {
  Entry& entry = entries_[launch.id];
  entry.launch = launch;
  if (running) {
    entry.running = *running;
    return;
  }
  const auto process = find_by_argument(launch.folder / "pid");
  if (!process) {
    start(launch);
    return;
  }
  entry.starting =
      std::async(std::launch::async, [launch, process] { return wait_for_monitor(launch, *process); });
}

void LocalDriver::collect(Entry& entry) {
  try {
    entry.running = entry.starting.get();
  } catch (const std::exception& error) {
    entry.problem = error.what();
  }
}

Look LocalDriver::look(const std::string& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end())
    return {};
  Entry& entry = found->second;
  if (entry.starting.valid()) {
    if (entry.starting.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
      return {.phase = Look::Phase::Launching, .running = {}, .problem = {}};
    collect(entry);
  }
  if (!is_alive(process_of(entry.running))) {
    if (entry.problem.empty())
      entry.problem = wanted_more(entry.launch.folder) ? "it wanted more memory than its size"
                                                       : last_words(entry.launch.folder / "qemu.log");
    return {.phase = Look::Phase::Gone, .running = {}, .problem = entry.problem};
  }
  const Use use = use_of(entry.running.pid);
  return {.phase = Look::Phase::Alive,
          .running = entry.running,
          .problem = {},
          .memory = use.memory,
          .cpu_seconds = use.cpu_seconds,
          .confinement = confinement_of(entry.running.pid),
          .limits = limits_of(entry.running.pid)};
}

void LocalDriver::power_off(const std::string& id) {
  const auto look_now = look(id);
  if (look_now.phase != Look::Phase::Alive)
    return;
  try {
    machine::Qmp qmp(entries_.at(id).launch.socket, std::chrono::milliseconds(500));
    if (machine::find_halt(qmp))
      send_signal(process_of(look_now.running), SIGTERM);  // it would not hear it
    else
      qmp.execute("system_powerdown", support::json::object(), std::chrono::seconds(1));
  } catch (const support::Error&) {
    // Its monitor does not answer: ask the process itself, which ends the machine.
    send_signal(process_of(look_now.running), SIGTERM);
  }
}

void LocalDriver::kill(const std::string& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end())
    return;
  if (found->second.starting.valid())
    collect(found->second);
  send_signal(process_of(found->second.running), SIGKILL);
}

void LocalDriver::discard(const std::string& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end())
    return;
  std::error_code ignored;
  release(found->second.launch.folder);
  fs::remove_all(found->second.launch.folder, ignored);
  fs::remove_all(found->second.launch.socket.parent_path(), ignored);
  entries_.erase(found);
}

}  // namespace vmfleet::driver
