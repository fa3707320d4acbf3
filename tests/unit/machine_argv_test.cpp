// QEMU's command line, as text.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "machine/check.hpp"
#include "machine/machine.hpp"
#include "support/error.hpp"

namespace vmimage::machine {
namespace {

using Words = std::vector<std::string>;

Machine example() {
  Machine machine;
  machine.name = "orders-1";
  machine.disk = "/run/orders/disk.qcow2";
  machine.size = {.cpus = 2, .memory = 256ull << 20};
  machine.kernel = DirectKernel{"/cache/kernel", {}, "/cache/initrd", "root=PARTLABEL=root console=ttyS0"};
  machine.qmp_socket = "/run/orders/qmp";
  machine.serial_log = "/run/orders/serial.log";
  machine.settings = "/run/orders/environment";
  machine.forwards = {{.guest = {8080, recipe::Protocol::Tcp}},
                      {.guest = {53, recipe::Protocol::Udp}, .host_address = "127.0.0.2", .host_port = 5353}};
  return machine;
}

/// All values that an option was given.
Words values(const Words& argv, const std::string& option) {
  Words found;
  for (std::size_t i = 0; i + 1 < argv.size(); ++i)
    if (argv[i] == option)
      found.push_back(argv[i + 1]);
  return found;
}

bool has(const Words& argv, const std::string& option, const std::string& value) {
  const Words all = values(argv, option);
  return std::find(all.begin(), all.end(), value) != all.end();
}

TEST(MachineArgv, WholeCommandLine) {
  const Words expected{"qemu-system-x86_64",
                       "-nodefaults",
                       "-no-user-config",
                       "-display",
                       "none",  //
                       "-name",
                       "guest=orders-1",  //
                       "-sandbox",
                       "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
                       "-machine",
                       "q35,smm=off,vmport=off,graphics=off",  //
                       "-accel",
                       "tcg,tb-size=256",
                       "-cpu",
                       "max,la57=off,erms=off,fsrm=off",
                       "-smp",
                       "2",
                       "-m",
                       "256M",
                       "-kernel",
                       "/cache/kernel",
                       "-initrd",
                       "/cache/initrd",  //
                       "-append",
                       "root=PARTLABEL=root console=ttyS0",  //
                       "-blockdev",
                       "driver=qcow2,node-name=disk,discard=unmap,file.driver=file,file.locking=on,"
                       "file.filename=/run/orders/disk.qcow2",
                       "-device",
                       "virtio-blk-pci,drive=disk,bootindex=1",  //
                       "-netdev",
                       "user,id=net,ipv6=off,hostfwd=tcp:127.0.0.1:0-:8080,hostfwd=udp:127.0.0.2:5353-:53",
                       "-device",
                       "virtio-net-pci,netdev=net,romfile=",  //
                       "-object",
                       "rng-builtin,id=rng",
                       "-device",
                       "virtio-rng-pci,rng=rng",  //
                       "-device",
                       "pvpanic-pci",  //
                       "-fw_cfg",
                       "name=opt/vmimage/hostname,string=orders-1",  //
                       "-fw_cfg",
                       "name=opt/vmimage/environment,file=/run/orders/environment",  //
                       "-chardev",
                       "file,id=serial,append=on,path=/run/orders/serial.log",  //
                       "-serial",
                       "chardev:serial",
                       "-qmp",
                       "unix:/run/orders/qmp,server=on,wait=off"};
  EXPECT_EQ(qemu_argv(example()), expected);
}

TEST(MachineArgv, Ipv6WhereItIsAskedFor) {
  Machine machine = example();
  machine.forwards.clear();
  EXPECT_TRUE(has(qemu_argv(machine), "-netdev", "user,id=net,ipv6=off"));
  machine.ipv6 = true;
  EXPECT_TRUE(has(qemu_argv(machine), "-netdev", "user,id=net"));
}

TEST(MachineArgv, ATapIsInPlaceOfTheUserNetwork) {
  Machine machine = example();
  machine.tap = 3;
  machine.mac_address = "52:54:00:12:34:57";
  EXPECT_TRUE(has(qemu_argv(machine), "-netdev", "tap,id=net,fd=3"));
  EXPECT_TRUE(has(qemu_argv(machine), "-device", "virtio-net-pci,netdev=net,romfile=,mac=52:54:00:12:34:57"));
}

TEST(MachineArgv, SecretsAreFilesAndNeverWords) {
  Machine machine = example();
  EXPECT_FALSE(has(qemu_argv(machine), "-global", "fw_cfg_io.x-file-slots=128"));
  machine.secrets = {{"db", "/run/orders/secrets/db"}};
  const Words argv = qemu_argv(machine);
  EXPECT_TRUE(has(argv, "-fw_cfg", "name=opt/vmimage/secret/db,file=/run/orders/secrets/db"));
  EXPECT_TRUE(has(argv, "-global", "fw_cfg_io.x-file-slots=128"));
}

TEST(MachineArgv, AVolumeIsADiskWithItsLabelAsSerialNumber) {
  Machine machine = example();
  machine.bus = DiskBus::Nvme;
  machine.data_disks = {{"/srv/a,b.qcow2", "vol-0123456789ab"}, {"/srv/c.qcow2", "vol-cdef01234567"}};
  const Words argv = qemu_argv(machine);
  EXPECT_TRUE(has(argv, "-blockdev",
                  "driver=qcow2,node-name=volume0,discard=unmap,file.driver=file,file.locking=on,"
                  "file.filename=/srv/a,,b.qcow2"));
  EXPECT_TRUE(has(argv, "-device", "virtio-blk-pci,drive=volume0,serial=vol-0123456789ab"));
  EXPECT_TRUE(has(argv, "-device", "virtio-blk-pci,drive=volume1,serial=vol-cdef01234567"));
}

TEST(MachineArgv, UncompressedKernelWhereItHasRoom) {
  Machine machine = example();
  machine.kernel->plain = "/cache/plain-kernel";
  EXPECT_TRUE(has(qemu_argv(machine), "-kernel", "/cache/plain-kernel"));
  machine.size.memory = 64ull << 20;
  EXPECT_TRUE(has(qemu_argv(machine), "-kernel", "/cache/kernel"));
}

TEST(MachineArgv, KvmUsesTheHostsProcessor) {
  Machine machine = example();
  machine.accelerator = Accelerator::Kvm;
  const Words argv = qemu_argv(machine);
  EXPECT_TRUE(has(argv, "-accel", "kvm"));
  EXPECT_TRUE(has(argv, "-cpu", "host"));
}

TEST(MachineArgv, CommasInValuesAreDoubled) {
  Machine machine = example();
  machine.name = "a,b";
  machine.disk = "/tmp/x,y/disk,.qcow2";
  machine.serial_log = "/tmp/x,y/serial";
  machine.qmp_socket = "/tmp/x,y/qmp";
  machine.settings = "/tmp/x,y/environment";
  machine.kernel->kernel = "/tmp/x,y/kernel";
  machine.kernel->command_line = "a=1,2";
  const Words argv = qemu_argv(machine);
  EXPECT_TRUE(has(argv, "-name", "guest=a,,b"));
  EXPECT_TRUE(values(argv, "-blockdev")[0].ends_with("file.filename=/tmp/x,,y/disk,,.qcow2"));
  EXPECT_TRUE(has(argv, "-chardev", "file,id=serial,append=on,path=/tmp/x,,y/serial"));
  EXPECT_TRUE(has(argv, "-qmp", "unix:/tmp/x,,y/qmp,server=on,wait=off"));
  EXPECT_TRUE(has(argv, "-fw_cfg", "name=opt/vmimage/environment,file=/tmp/x,,y/environment"));
  EXPECT_TRUE(has(argv, "-fw_cfg", "name=opt/vmimage/hostname,string=a,,b"));
  // These are whole words and no option lists.
  EXPECT_TRUE(has(argv, "-kernel", "/tmp/x,y/kernel"));
  EXPECT_TRUE(has(argv, "-append", "a=1,2"));
}

TEST(MachineArgv, UefiHasItsFlashAndNoKernel) {
  Machine machine = example();
  machine.firmware = Firmware::Uefi;
  machine.uefi_code = "/usr/share/CODE.fd";
  machine.uefi_variables = "/run/orders/VARS.fd";
  const Words argv = qemu_argv(machine);
  EXPECT_EQ(values(argv, "-drive"), (Words{"if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/CODE.fd",
                                           "if=pflash,unit=1,format=raw,file=/run/orders/VARS.fd"}));
  EXPECT_TRUE(values(argv, "-kernel").empty());
}

TEST(MachineArgv, SecureBootGuardsTheVariables) {
  Machine machine = example();
  machine.firmware = Firmware::Uefi;
  machine.uefi_code = "/usr/share/CODE.secboot.fd";
  machine.uefi_variables = "/run/orders/VARS.fd";
  EXPECT_TRUE(values(qemu_argv(machine), "-global").empty());
  EXPECT_TRUE(has(qemu_argv(machine), "-machine", "q35,smm=off,vmport=off,graphics=off"));
  machine.secure_boot = true;
  const Words argv = qemu_argv(machine);
  EXPECT_TRUE(has(argv, "-machine", "q35,smm=on,vmport=off,graphics=off"));
  EXPECT_TRUE(has(argv, "-global", "driver=cfi.pflash01,property=secure,value=on"));
  EXPECT_EQ(2u, values(argv, "-drive").size());
  EXPECT_TRUE(values(argv, "-kernel").empty());
}

TEST(MachineArgv, BiosHasNeither) {
  Machine machine = example();
  machine.firmware = Firmware::Bios;
  const Words argv = qemu_argv(machine);
  EXPECT_TRUE(values(argv, "-drive").empty());
  EXPECT_TRUE(values(argv, "-kernel").empty());
}

TEST(MachineArgv, DiskHangsOnTheBusAskedFor) {
  Machine machine = example();
  machine.bus = DiskBus::VirtioScsi;
  EXPECT_TRUE(has(qemu_argv(machine), "-device", "virtio-scsi-pci,id=scsi"));
  EXPECT_TRUE(has(qemu_argv(machine), "-device", "scsi-hd,bus=scsi.0,drive=disk,bootindex=1"));
  machine.bus = DiskBus::Nvme;
  EXPECT_TRUE(has(qemu_argv(machine), "-device", "nvme,drive=disk,serial=vmimage,bootindex=1"));
  machine.bus = DiskBus::Pvscsi;
  machine.card = NetworkCard::Vmxnet3;
  EXPECT_TRUE(has(qemu_argv(machine), "-device", "pvscsi,id=scsi"));
  EXPECT_TRUE(has(qemu_argv(machine), "-device", "vmxnet3,netdev=net,romfile="));
  machine.bus = DiskBus::Ahci;
  machine.card = NetworkCard::E1000;
  EXPECT_TRUE(has(qemu_argv(machine), "-device", "ide-hd,bus=ide.0,drive=disk,bootindex=1"));
  EXPECT_TRUE(has(qemu_argv(machine), "-device", "e1000,netdev=net,romfile="));
  machine.bus = DiskBus::Ide;
  EXPECT_TRUE(has(qemu_argv(machine), "-device", "ide-hd,bus=old.0,drive=disk,bootindex=1"));
}

TEST(MachineArgv, ConsoleThatIsLoggedAndCanBeTypedOn) {
  Machine machine = example();
  machine.serial_socket = "/run/or,ders/console";
  EXPECT_TRUE(has(qemu_argv(machine), "-chardev",
                  "socket,id=serial,server=on,wait=off,path=/run/or,,ders/console,logappend=on,"
                  "logfile=/run/orders/serial.log"));
}

TEST(MachineArgv, ConsoleOnStandardStreams) {
  Machine machine = example();
  machine.serial_log.clear();
  EXPECT_TRUE(has(qemu_argv(machine), "-chardev", "stdio,id=serial,signal=off"));
}

TEST(MachineArgv, MemoryIsRoundedUpToMebibytes) {
  Machine machine = example();
  machine.size.memory = (128ull << 20) + 1;
  EXPECT_TRUE(has(qemu_argv(machine), "-m", "129M"));
}

TEST(MachineArgv, WhatIsEmptyIsLeftOut) {
  Machine machine = example();
  machine.name.clear();
  machine.settings.clear();
  machine.qmp_socket.clear();
  machine.forwards.clear();
  machine.mac_address = "52:54:00:12:34:56";
  const Words argv = qemu_argv(machine);
  EXPECT_TRUE(values(argv, "-fw_cfg").empty());
  EXPECT_TRUE(values(argv, "-qmp").empty());
  EXPECT_TRUE(has(argv, "-netdev", "user,id=net,ipv6=off"));
  EXPECT_TRUE(has(argv, "-device", "virtio-net-pci,netdev=net,romfile=,mac=52:54:00:12:34:56"));
}

TEST(MachineNames, FirmwareAndBus) {
  EXPECT_EQ(parse_firmware("direct"), Firmware::Direct);
  EXPECT_EQ(parse_firmware("bios"), Firmware::Bios);
  EXPECT_EQ(parse_firmware("uefi"), Firmware::Uefi);
  EXPECT_THROW(parse_firmware("UEFI"), support::Error);
  EXPECT_EQ(parse_disk_bus("virtio-blk"), DiskBus::VirtioBlk);
  EXPECT_EQ(parse_disk_bus("virtio-scsi"), DiskBus::VirtioScsi);
  EXPECT_EQ(parse_disk_bus("nvme"), DiskBus::Nvme);
  EXPECT_EQ(parse_disk_bus("pvscsi"), DiskBus::Pvscsi);
  EXPECT_EQ(parse_disk_bus("ahci"), DiskBus::Ahci);
  EXPECT_EQ(parse_disk_bus("ide"), DiskBus::Ide);
  EXPECT_EQ(parse_network_card("virtio"), NetworkCard::Virtio);
  EXPECT_EQ(parse_network_card("vmxnet3"), NetworkCard::Vmxnet3);
  EXPECT_EQ(parse_network_card("e1000"), NetworkCard::E1000);
  EXPECT_THROW(parse_network_card("ne2000"), support::Error);
  EXPECT_THROW(parse_disk_bus(""), support::Error);
}

TEST(MachineNames, HostName) {
  EXPECT_EQ(host_name("orders-vm"), "orders-vm");
  EXPECT_EQ(host_name("orders_vm+1.4"), "orders-vm-1-4");
  EXPECT_EQ(host_name("_x_"), "x");
  EXPECT_EQ(host_name("++"), "vm");
  EXPECT_EQ(host_name(std::string(100, 'a')).size(), 63u);
}

TEST(MachineNames, SerialLogsOfSeveral) {
  EXPECT_EQ(numbered("/x/boot.serial.log", 2, 1), "/x/boot.serial.log");
  EXPECT_EQ(numbered("/x/boot.serial.log", 2, 3), "/x/boot.serial-2.log");
  EXPECT_EQ(numbered("log", 1, 2), "log-1");
  EXPECT_EQ(numbered("", 1, 2), "");
}

TEST(MachineArgv, MemoryAsAFile) {
  Machine machine = example();
  EXPECT_FALSE(has(qemu_argv(machine), "-machine", "memory-backend=memory"));
  machine.memory_file = {"/run/a,b/memory", MemoryFile::Kind::Shared};
  EXPECT_TRUE(has(qemu_argv(machine), "-machine", "memory-backend=memory"));
  EXPECT_TRUE(has(qemu_argv(machine), "-object",
                  "memory-backend-file,id=memory,size=256M,share=on,mem-path=/run/a,,b/memory"));
  machine.memory_file->kind = MemoryFile::Kind::Private;
  EXPECT_TRUE(has(qemu_argv(machine), "-object",
                  "memory-backend-file,id=memory,size=256M,share=off,mem-path=/run/a,,b/memory"));
}

TEST(MachineArgv, WaitsForAnothersState) {
  Machine machine = example();
  EXPECT_TRUE(values(qemu_argv(machine), "-incoming").empty());
  machine.waits = true;
  EXPECT_EQ(values(qemu_argv(machine), "-incoming"), Words{"defer"});
}

TEST(MachineArgv, TheGuestLineIsItsSecondSerialPort) {
  Machine machine = example();
  EXPECT_EQ(values(qemu_argv(machine), "-serial"), Words{"chardev:serial"});
  machine.guest_line = "/run/orders/guest";
  EXPECT_EQ(values(qemu_argv(machine), "-serial"), (Words{"chardev:serial", "chardev:guest"}));
  EXPECT_TRUE(
      has(qemu_argv(machine), "-chardev", "socket,id=guest,server=on,wait=off,path=/run/orders/guest"));
}

}  // namespace
}  // namespace vmimage::machine
