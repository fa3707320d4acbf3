#pragma once
// One virtual machine as a QEMU command line. Pure: no I/O here (see process.hpp, qmp.hpp).

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "recipe/manifest.hpp"
#include "recipe/service.hpp"

namespace vmimage::machine {

enum class Accelerator { Kvm, Tcg };
/// What TCG keeps of the code that it has translated, at most; by itself it takes up to 1 GiB for each
/// machine.
constexpr std::uint64_t kTranslationBuffer = 256ull << 20;
enum class Firmware { Direct, Bios, Uefi };
enum class DiskBus { VirtioBlk, VirtioScsi, Nvme, Pvscsi, Ahci, Ide };
enum class NetworkCard { Virtio, Vmxnet3, E1000 };

Firmware parse_firmware(const std::string& text);  ///< "direct" | "bios" | "uefi"; throws Error{Usage}
/// What starts an image: what was asked for, or else what suits it best. Throws Error{Usage} when the image
/// cannot be started so.
Firmware choose_firmware(const std::optional<Firmware>& asked, const recipe::Boot& boot);
/// "virtio-blk" | "virtio-scsi" | "nvme" | "pvscsi" | "ahci" | "ide"
DiskBus parse_disk_bus(const std::string& text);
NetworkCard parse_network_card(const std::string& text);  ///< "virtio" | "vmxnet3" | "e1000"

/// A guest port reachable on the host; host_port 0 lets the kernel choose (read it back with
/// forwarded_port()).
struct Forward {
  recipe::Port guest;
  std::string host_address = "127.0.0.1";
  std::uint16_t host_port = 0;
};

struct DirectKernel {
  std::filesystem::path kernel;
  std::filesystem::path plain;  ///< the same, uncompressed, with an entry for PVH boot; may be empty
  std::filesystem::path initrd;
  std::string command_line;
};

/// A volume: a further disk, by whose serial number the guest knows it.
struct DataDisk {
  std::filesystem::path file;  ///< qcow2; written
  std::string serial;
};

/// Memory that is a file: shared, so that the file has what the guest has; or private, so that the guest
/// starts with what the file has, and keeps what it changes to itself.
struct MemoryFile {
  enum class Kind { Shared, Private };
  std::filesystem::path path;
  Kind kind = Kind::Shared;
};

struct Machine {
  std::string name;            ///< shown in the process list; also the guest's host name setting
  std::filesystem::path disk;  ///< a qcow2 overlay: this file is written
  std::vector<DataDisk> data_disks = {};
  recipe::Size size;
  Accelerator accelerator = Accelerator::Tcg;
  Firmware firmware = Firmware::Direct;
  DiskBus bus = DiskBus::VirtioBlk;
  NetworkCard card = NetworkCard::Virtio;
  std::optional<DirectKernel> kernel;    ///< required for Firmware::Direct
  std::filesystem::path uefi_code;       ///< required for Firmware::Uefi (read-only flash)
  std::filesystem::path uefi_variables;  ///< required for Firmware::Uefi (a private copy)
  bool secure_boot = false;              ///< that firmware is a build for Secure Boot
  std::filesystem::path qmp_socket;
  std::filesystem::path serial_log;     ///< empty: serial console on standard input and output
  std::filesystem::path serial_socket;  ///< where the console can be typed on, beside its log; may be empty
  std::filesystem::path
      settings;  ///< file of K=V lines for the service (fw_cfg opt/vmimage/environment); may be empty
  /// Files whose contents are the service's secrets, by name (fw_cfg opt/vmimage/secret/<name>). QEMU reads
  /// them once.
  std::map<std::string, std::filesystem::path> secrets;
  std::optional<MemoryFile> memory_file;
  std::filesystem::path guest_line;  ///< socket for the guest's second serial port; empty: it has none
  bool waits = false;                ///< for the state of another machine (QMP "migrate-incoming")
  std::vector<Forward> forwards;
  bool ipv6 = false;        ///< its user network has IPv6, too
  std::string mac_address;  ///< empty: QEMU's default
  /// Descriptor of a tap that QEMU inherits, in place of a user network with those forwards; -1: none.
  int tap = -1;
};

/// The command line, program first. Source: qemu-system-x86_64(1) of QEMU 7.2.
std::vector<std::string> qemu_argv(const Machine& machine);

/// Its part about machine type, accelerator, processors and memory: what a probe of an accelerator has to
/// try.
std::vector<std::string> processor_argv(const Machine& machine);

}  // namespace vmimage::machine
