#include "machine/machine.hpp"

#include <fmt/format.h>

#include "support/error.hpp"

namespace vmimage::machine {

using support::invalid;

namespace {

using Argv = std::vector<std::string>;

std::uint64_t mebibytes(std::uint64_t bytes) {
  return (bytes + (1 << 20) - 1) >> 20;
}

/// A value inside an option list: QEMU ends it at a comma, and reads two of them as one.
std::string value(const std::string& text) {
  std::string escaped;
  for (const char c : text)
    escaped += c == ',' ? std::string(",,") : std::string(1, c);
  return escaped;
}

void add(Argv& argv, const std::string& option, const std::string& text) {
  argv.push_back(option);
  argv.push_back(text);
}

void add_firmware(Argv& argv, const Machine& machine) {
  if (machine.firmware == Firmware::Uefi) {
    if (machine.secure_boot)  // the guest's kernel cannot write the variables past the firmware
      add(argv, "-global", "driver=cfi.pflash01,property=secure,value=on");
    add(argv, "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + value(machine.uefi_code.string()));
    add(argv, "-drive", "if=pflash,unit=1,format=raw,file=" + value(machine.uefi_variables.string()));
  }
  if (machine.firmware == Firmware::Direct && machine.kernel) {
    // Uncompressed it starts at once. But it lies where it was linked to, 16 to some 75 MiB, and the initrd
    // must have its place behind it.
    constexpr std::uint64_t kPlainMemory = 96 << 20;
    const bool plain = !machine.kernel->plain.empty() && machine.size.memory >= kPlainMemory;
    add(argv, "-kernel", (plain ? machine.kernel->plain : machine.kernel->kernel).string());
    add(argv, "-initrd", machine.kernel->initrd.string());
    add(argv, "-append", machine.kernel->command_line);
  }
}

void add_disk(Argv& argv, const Machine& machine) {
  add(argv, "-blockdev",
      "driver=qcow2,node-name=disk,discard=unmap,file.driver=file,file.locking=on,file.filename=" +
          value(machine.disk.string()));
  switch (machine.bus) {
    case DiskBus::VirtioBlk:
      add(argv, "-device", "virtio-blk-pci,drive=disk,bootindex=1");
      break;
    case DiskBus::VirtioScsi:
      add(argv, "-device", "virtio-scsi-pci,id=scsi");
      add(argv, "-device", "scsi-hd,bus=scsi.0,drive=disk,bootindex=1");
      break;
    case DiskBus::Nvme:
      add(argv, "-device", "nvme,drive=disk,serial=vmimage,bootindex=1");
      break;
    case DiskBus::Pvscsi:
      add(argv, "-device", "pvscsi,id=scsi");
      add(argv, "-device", "scsi-hd,bus=scsi.0,drive=disk,bootindex=1");
      break;
    case DiskBus::Ahci:  // the machine's own controller
      add(argv, "-device", "ide-hd,bus=ide.0,drive=disk,bootindex=1");
      break;
    case DiskBus::Ide:
      add(argv, "-device", "piix3-ide,id=old");
      add(argv, "-device", "ide-hd,bus=old.0,drive=disk,bootindex=1");
      break;
  }
}

void add_data_disks(Argv& argv, const Machine& machine) {
  int number = 0;
  for (const auto& disk : machine.data_disks) {
    const std::string node = fmt::format("volume{}", number++);
    add(argv, "-blockdev",
        fmt::format(
            "driver=qcow2,node-name={},discard=unmap,file.driver=file,file.locking=on,file.filename={}", node,
            value(disk.file.string())));
    add(argv, "-device", fmt::format("virtio-blk-pci,drive={},serial={}", node, disk.serial));
  }
}

const char* model(NetworkCard card) {
  switch (card) {
    case NetworkCard::Vmxnet3:
      return "vmxnet3";
    case NetworkCard::E1000:
      return "e1000";
    case NetworkCard::Virtio:
      break;
  }
  return "virtio-net-pci";
}

std::string user_network(const Machine& machine) {
  std::string network = machine.ipv6 ? "user,id=net" : "user,id=net,ipv6=off";
  for (const auto& forward : machine.forwards)
    network +=
        fmt::format(",hostfwd={}:{}:{}-:{}", forward.guest.protocol == recipe::Protocol::Udp ? "udp" : "tcp",
                    value(forward.host_address), forward.host_port, forward.guest.number);
  return network;
}

void add_network(Argv& argv, const Machine& machine) {
  add(argv, "-netdev",
      machine.tap >= 0 ? fmt::format("tap,id=net,fd={}", machine.tap) : user_network(machine));
  // No option ROM: nothing boots from the network.
  add(argv, "-device",
      fmt::format("{},netdev=net,romfile=", model(machine.card)) +
          (machine.mac_address.empty() ? "" : ",mac=" + value(machine.mac_address)));
}

void add_memory_file(Argv& argv, const Machine& machine) {
  if (!machine.memory_file)
    return;
  const bool shared = machine.memory_file->kind == MemoryFile::Kind::Shared;
  add(argv, "-object",
      fmt::format("memory-backend-file,id=memory,size={}M,share={},mem-path={}",
                  mebibytes(machine.size.memory), shared ? "on" : "off",
                  value(machine.memory_file->path.string())));
  add(argv, "-machine", "memory-backend=memory");
}

void add_settings(Argv& argv, const Machine& machine) {
  if (!machine.name.empty())
    add(argv, "-fw_cfg", "name=opt/vmimage/hostname,string=" + value(machine.name));
  if (!machine.settings.empty())
    add(argv, "-fw_cfg", "name=opt/vmimage/environment,file=" + value(machine.settings.string()));
  if (!machine.secrets.empty())  // the machine has some 20 files of its own, and by default room for 32
    add(argv, "-global", "fw_cfg_io.x-file-slots=128");
  for (const auto& [name, file] : machine.secrets)
    add(argv, "-fw_cfg", fmt::format("name=opt/vmimage/secret/{},file={}", name, value(file.string())));
}

void add_console(Argv& argv, const Machine& machine) {
  add(argv, "-chardev",
      machine.serial_log.empty() ? "stdio,id=serial,signal=off"
      : machine.serial_socket.empty()
          ? "file,id=serial,append=on,path=" + value(machine.serial_log.string())
          : fmt::format("socket,id=serial,server=on,wait=off,path={},logappend=on,logfile={}",
                        value(machine.serial_socket.string()), value(machine.serial_log.string())));
  add(argv, "-serial", "chardev:serial");
  if (!machine.guest_line.empty()) {
    add(argv, "-chardev",
        fmt::format("socket,id=guest,server=on,wait=off,path={}", value(machine.guest_line.string())));
    add(argv, "-serial", "chardev:guest");
  }
  if (!machine.qmp_socket.empty())
    add(argv, "-qmp", fmt::format("unix:{},server=on,wait=off", value(machine.qmp_socket.string())));
}

/// The value of this name; "known are a, b and c" when there is none.
template <typename Value>
Value parse_name(const std::string& text, const char* what,
                 const std::vector<std::pair<const char*, Value>>& known) {
  std::string names;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (text == known[i].first)
      return known[i].second;
    names += i == 0 ? "" : i + 1 == known.size() ? " and " : ", ";
    names += known[i].first;
  }
  throw invalid(fmt::format("'{}' is no known {}", text, what), "known are " + names);
}

}  // namespace

Firmware parse_firmware(const std::string& text) {
  return parse_name<Firmware>(
      text, "firmware", {{"direct", Firmware::Direct}, {"bios", Firmware::Bios}, {"uefi", Firmware::Uefi}});
}

Firmware choose_firmware(const std::optional<Firmware>& asked, const recipe::Boot& boot) {
  if (asked == Firmware::Direct && boot.image.empty())
    throw invalid(
        "the image cannot be booted directly: its kernel is that of the disk image it was made from",
        "boot it by --firmware bios or uefi");
  if (asked)  // what is not known to start it may do so all the same
    return *asked;
  if (boot.firmware.empty())
    throw invalid(
        "nothing is known to boot the image: its base has neither an EFI boot loader nor one for BIOS",
        "try it with --firmware bios or uefi");
  return parse_firmware(boot.firmware.front());
}

DiskBus parse_disk_bus(const std::string& text) {
  return parse_name<DiskBus>(text, "disk bus",
                             {{"virtio-blk", DiskBus::VirtioBlk},
                              {"virtio-scsi", DiskBus::VirtioScsi},
                              {"nvme", DiskBus::Nvme},
                              {"pvscsi", DiskBus::Pvscsi},
                              {"ahci", DiskBus::Ahci},
                              {"ide", DiskBus::Ide}});
}

NetworkCard parse_network_card(const std::string& text) {
  return parse_name<NetworkCard>(
      text, "network card",
      {{"virtio", NetworkCard::Virtio}, {"vmxnet3", NetworkCard::Vmxnet3}, {"e1000", NetworkCard::E1000}});
}

std::vector<std::string> processor_argv(const Machine& machine) {
  Argv argv;
  const bool kvm = machine.accelerator == Accelerator::Kvm;
  // System management mode only where the firmware needs it, to guard its variables: entering it is slow.
  add(argv, "-machine",
      fmt::format("q35,smm={},vmport=off,graphics=off", machine.secure_boot ? "on" : "off"));
  add(argv, "-accel", kvm ? "kvm" : fmt::format("tcg,tb-size={}", kTranslationBuffer >> 20));
  // For TCG without five-level page tables, which it walks in software, and no guest here has memory for
  // them; and without "fast" string instructions (ERMS, FSRM), which make guests copy and clear memory byte
  // by byte.
  add(argv, "-cpu", kvm ? "host" : "max,la57=off,erms=off,fsrm=off");
  add(argv, "-smp", std::to_string(machine.size.cpus));
  add(argv, "-m", fmt::format("{}M", mebibytes(machine.size.memory)));
  return argv;
}

std::vector<std::string> qemu_argv(const Machine& machine) {
  Argv argv{"qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"};
  add(argv, "-name", "guest=" + value(machine.name));
  add(argv, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
  for (const auto& word : processor_argv(machine))
    argv.push_back(word);
  add_memory_file(argv, machine);
  add_firmware(argv, machine);
  add_disk(argv, machine);
  add_data_disks(argv, machine);
  add_network(argv, machine);
  add(argv, "-object", "rng-builtin,id=rng");
  add(argv, "-device", "virtio-rng-pci,rng=rng");
  add(argv, "-device", "pvpanic-pci");  // a kernel that panics says so
  add_settings(argv, machine);
  add_console(argv, machine);
  if (machine.waits)
    add(argv, "-incoming", "defer");
  return argv;
}

}  // namespace vmimage::machine
