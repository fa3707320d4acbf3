#include "driver/local/launch.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <map>
#include <mutex>

#include "driver/local/bridge.hpp"
#include "driver/local/cgroup.hpp"
#include "driver/local/guard.hpp"
#include "driver/local/guest_line.hpp"
#include "driver/local/isolation.hpp"
#include "driver/local/network.hpp"
#include "inspect/image.hpp"
#include "machine/accelerator.hpp"
#include "machine/firmware.hpp"
#include "recipe/settings.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"
#include "support/text.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace machine = vmimage::machine;
namespace support = vmimage::support;
using support::failure;

namespace {

/// QEMU's name of an image's format.
std::string format_of(const fs::path& image) {
  const auto info = support::parse_json(
      support::run_checked({.argv = {"qemu-img", "info", "--force-share", "--output=json", image}}),
      "qemu-img info");
  return info.at("format").get<std::string>();
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
                               0600, support::Sync::No);
}

/// Those of an image are looked at closely once; after that they only have to be there.
vmimage::inspect::BootFiles boot_files_of(const Launch& launch) {
  static std::mutex mutex;
  static std::map<std::string, vmimage::inspect::BootFiles> known;
  const std::lock_guard lock(mutex);
  auto& files = known[launch.manifest->boot.digest];
  std::error_code none;
  if (files.kernel.empty() || !fs::exists(files.kernel, none))
    files = vmimage::inspect::boot_files(launch.image, *launch.manifest);
  return files;
}

/// What the machine starts with, as the image needs it: its kernel, or firmware that finds a boot loader.
void set_firmware(machine::Machine& vm, const Launch& launch) {
  vm.firmware = machine::choose_firmware({}, launch.manifest->boot);
  if (vm.firmware == machine::Firmware::Direct) {
    const auto boot = boot_files_of(launch);
    vm.kernel = machine::DirectKernel{boot.kernel, boot.plain_kernel, boot.initrd, boot.command_line};
  } else if (vm.firmware == machine::Firmware::Uefi) {
    fs::create_directories(launch.folder);
    machine::use_uefi(vm, machine::find_uefi(), launch.folder);
    vm.size.memory = std::max(vm.size.memory, machine::kUefiMemory);
  }
}

void set_network(machine::Machine& vm, const Launch& launch) {
  if (!launch.bridge.empty()) {
    vm.tap = kTap;
    vm.mac_address = to_string(new_mac());  // others are on the same bridge
    return;
  }
  vm.ipv6 = has_ipv6();
  for (const auto& port : launch.manifest->ports)
    if (port.protocol == recipe::Protocol::Tcp)
      vm.forwards.push_back({port, "127.0.0.1", 0});
}

std::vector<std::string> command_line(const machine::Machine& vm, const fs::path& folder) {
  auto argv = machine::qemu_argv(vm);
  // By this word its process is found again when nobody had time to note its pid.
  argv.insert(argv.end(), {"-pidfile", folder / "pid"});
  // A kernel's panic halts it, so that whoever looks sees why.
  argv.insert(argv.end(), {"-action", "panic=pause"});
  return argv;
}

}  // namespace

std::string last_words(const Launch& launch) {
  const fs::path log = launch.folder / "qemu.log";
  std::error_code problem;
  if (!fs::exists(log, problem))
    return {};
  const std::string words = support::last_line(support::read_file(log));
  const std::string ours = "vmfleet: ";  // when it did not get as far as QEMU
  return words.starts_with(ours) ? words.substr(ours.size()) : words;
}

ProcessId process_of(const Running& running) {
  return {running.pid, running.start_time};
}

void make_folder(const Launch& launch) {
  fs::remove_all(launch.folder);
  fs::create_directories(launch.folder);
  fs::create_directories(launch.socket.parent_path());
  fs::permissions(launch.socket.parent_path(), fs::perms::owner_all);
  fs::remove(launch.socket);
  fs::create_directories(launch.log.parent_path());
  support::write_file_atomic(launch.folder / "settings", recipe::settings_text(launch.environment), 0600,
                             support::Sync::No);
  write_secrets(launch);
}

void make_overlay(const Launch& launch) {
  support::run_checked({.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "-F", format_of(launch.image),
                                 "-b", launch.image, launch.folder / "disk.qcow2"}});
}

fs::path volume_file(const Launch& launch, const recipe::Volume& volume) {
  return launch.volumes / (volume.label() + ".qcow2");
}

/// Made once, whole or not at all.
void make_volumes(const Launch& launch) {
  if (launch.volumes.empty())
    return;
  fs::create_directories(launch.volumes);
  for (const auto& volume : launch.manifest->volumes) {
    const fs::path file = volume_file(launch, volume);
    if (fs::exists(file))
      continue;
    const fs::path part = file.string() + ".part";
    support::run_checked(
        {.argv = {"qemu-img", "create", "-q", "-f", "qcow2", part, std::to_string(volume.size)}});
    fs::rename(part, file);
  }
}

machine::Machine describe(const Launch& launch) {
  machine::Machine vm;
  vm.name = launch.id;
  vm.disk = launch.folder / "disk.qcow2";
  if (!launch.volumes.empty())
    for (const auto& volume : launch.manifest->volumes)
      vm.data_disks.push_back({volume_file(launch, volume), volume.label()});
  vm.size = launch.size;
  vm.accelerator = machine::probe_acceleration().kind;
  set_firmware(vm, launch);
  vm.qmp_socket = launch.socket;
  vm.guest_line = guest_line_of(launch);
  vm.serial_log = launch.log;
  vm.serial_socket = launch.socket.parent_path() / "console";
  vm.settings = launch.folder / "settings";
  set_network(vm, launch);
  if (!launch.secrets.empty())
    for (const auto& entry : fs::directory_iterator(launch.secrets))
      vm.secrets[entry.path().filename()] = secrets_of(launch) / entry.path().filename();
  return vm;
}

ProcessId start_qemu(const Launch& launch, const machine::Machine& vm) {
  auto argv = isolated(launch, vm, guarded(launch, vm, command_line(vm, launch.folder)));
  if (!launch.bridge.empty())
    argv = with_tap(launch.bridge, argv);
  const pid_t pid = support::start_detached(argv, launch.folder / "qemu.log");
  const auto process = identify(pid);
  if (!process)
    throw failed_start(launch);
  hold(pid, launch.folder, vm.size, vm.accelerator);
  return *process;
}

Running running_machine(const Launch& launch, const ProcessId& process, machine::Qmp& qmp) {
  Running running{.pid = process.pid,
                  .start_time = process.start_time,
                  .ports = {},
                  .start = {},
                  .bridged = !launch.bridge.empty()};
  fs::remove_all(secrets_of(launch));
  for (const auto& port : launch.manifest->ports)
    if (port.protocol == recipe::Protocol::Tcp)
      running.ports[port.number] = running.bridged ? port.number : machine::forwarded_port(qmp, port);
  return running;
}

support::Error failed_start(const Launch& launch) {
  return failure(fmt::format("failed to start {}: {}", launch.id, last_words(launch)));
}

Running wait_for_monitor(const Launch& launch, const ProcessId& process) {
  return with_monitor(launch, process,
                      [&](machine::Qmp qmp) { return running_machine(launch, process, qmp); });
}

Running start_cold(const Launch& launch) {
  make_folder(launch);
  make_overlay(launch);
  make_volumes(launch);
  const auto process = start_qemu(launch, describe(launch));
  try {
    return wait_for_monitor(launch, process);
  } catch (...) {
    end_now(process);
    throw;
  }
}

}  // namespace vmfleet::driver
