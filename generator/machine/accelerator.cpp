#include "machine/accelerator.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmimage::machine {

namespace fs = std::filesystem;
using support::json;

namespace {

constexpr std::chrono::seconds kDeadline{3};  // a working KVM needs a few tenths of a second
constexpr int kSignal = 0x10;                 // what the probe guest writes to the debug-exit device

/// The guest: a boot sector that goes the way of a kernel (long mode, page tables, SSE), works for a moment,
/// and says through the isa-debug-exit device that it did. From this source, for GNU as:
///
///   .code16                                long:  .code64
///   cli                                      movl $20000000, %ecx
///   xorw %ax, %ax                          1: movd %ecx, %xmm0
///   movw %ax, %ds                            decl %ecx
///   movw %ax, %es                            jnz 1b
///   cld                                      movb $0x10, %al
///   movw $0x1000, %di                        outb %al, $0xf4
///   movw $0x1800, %cx                      2: hlt
///   rep stosw            # page tables       jmp 2b
///   movw $0x2003, 0x1000                     .balign 8
///   movw $0x3003, 0x2000                   gdt:
///   movw $0x0083, 0x3000 # one of 2 MiB      .quad 0, 0x00209a0000000000
///   movl $0x1000, %eax                     gdtr:
///   movl %eax, %cr3                          .word 15
///   movl %cr4, %eax                          .long gdt
///   orw $0x620, %ax      # PAE, SSE          .org 510
///   movl %eax, %cr4                          .word 0xaa55
///   movl $0xc0000080, %ecx
///   rdmsr
///   orw $0x100, %ax      # long mode
///   wrmsr
///   movl %cr0, %eax
///   andb $0xfb, %al
///   orl $0x80000003, %eax
///   lgdt gdtr
///   movl %eax, %cr0
///   ljmpw $8, $long
constexpr unsigned char kBootSector[] = {
    0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0xfc, 0xbf, 0x00, 0x10, 0xb9, 0x00, 0x18, 0xf3, 0xab, 0xc7,
    0x06, 0x00, 0x10, 0x03, 0x20, 0xc7, 0x06, 0x00, 0x20, 0x03, 0x30, 0xc7, 0x06, 0x00, 0x30, 0x83, 0x00,
    0x66, 0xb8, 0x00, 0x10, 0x00, 0x00, 0x0f, 0x22, 0xd8, 0x0f, 0x20, 0xe0, 0x0d, 0x20, 0x06, 0x0f, 0x22,
    0xe0, 0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, 0x0d, 0x00, 0x01, 0x0f, 0x30, 0x0f, 0x20, 0xc0,
    0x24, 0xfb, 0x66, 0x0d, 0x03, 0x00, 0x00, 0x80, 0x0f, 0x01, 0x16, 0x80, 0x7c, 0x0f, 0x22, 0xc0, 0xea,
    0x59, 0x7c, 0x08, 0x00, 0xb9, 0x00, 0x2d, 0x31, 0x01, 0x66, 0x0f, 0x6e, 0xc1, 0xff, 0xc9, 0x75, 0xf8,
    0xb0, 0x10, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd, 0x0f, 0x1f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9a, 0x20, 0x00, 0x0f, 0x00, 0x70, 0x7c, 0x00, 0x00,
};

/// Large enough for the firmware to take it for a disk.
std::string probe_disk() {
  std::string disk(reinterpret_cast<const char*>(kBootSector), sizeof kBootSector);
  disk.resize(510, '\0');
  disk += "\x55\xaa";
  disk.resize(1 << 20, '\0');
  return disk;
}

/// With the machine and the processor that images get: KVM may know some and fail on others.
std::vector<std::string> probe_argv(const fs::path& disk) {
  Machine machine;
  machine.accelerator = Accelerator::Kvm;
  machine.size = {.cpus = 1, .memory = 64ull << 20};
  std::vector<std::string> argv{"qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"};
  for (const auto& word : processor_argv(machine))
    argv.push_back(word);
  argv.insert(argv.end(), {"-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-drive",
                           "if=virtio,format=raw,file=" + disk.string()});
  return argv;
}

Acceleration probe() {
  const support::TempDir folder;
  const fs::path disk = folder.path() / "probe.img";
  support::write_file_atomic(disk, probe_disk());
  const auto result = support::run({.argv = probe_argv(disk), .timeout = kDeadline});
  if (result.exit_status == (kSignal << 1 | 1))
    return {Accelerator::Kvm, "a probe guest ran on KVM"};
  if (result.timed_out)
    return {Accelerator::Tcg,
            fmt::format("KVM opens, but a probe guest did not finish within {} s", kDeadline.count())};
  return {Accelerator::Tcg, "KVM opens, but a probe guest failed on it"};
}

std::string boot_id() {
  const std::string text = support::read_file("/proc/sys/kernel/random/boot_id");
  return text.substr(0, text.find('\n'));
}

/// Nothing when there is no answer of this boot.
std::optional<Acceleration> remembered(const fs::path& file) {
  try {
    if (!fs::exists(file))
      return std::nullopt;
    const json answer = support::parse_json(support::read_file(file), file.string());
    if (answer.value("boot_id", std::string()) != boot_id())
      return std::nullopt;
    return Acceleration{answer.value("kvm", false) ? Accelerator::Kvm : Accelerator::Tcg,
                        answer.value("reason", std::string())};
  } catch (const std::exception&) {
    return std::nullopt;  // not ours, or damaged: it is written anew
  }
}

Acceleration probe_once() {
  const fs::path folder = support::cache_folder();
  const fs::path file = folder / "acceleration.json";
  if (const auto answer = remembered(file))
    return *answer;
  fs::create_directories(folder / "locks");
  const support::FileLock lock(folder / "locks" / "acceleration");
  if (const auto answer = remembered(file))
    return *answer;  // somebody probed while we waited
  const Acceleration answer = probe();
  const json text{
      {"boot_id", boot_id()}, {"kvm", answer.kind == Accelerator::Kvm}, {"reason", answer.reason}};
  support::write_file_atomic(file, text.dump(2) + "\n");
  return answer;
}

}  // namespace

Acceleration probe_acceleration() {
  if (const char* wish = std::getenv("VMIMAGE_ACCEL"); wish && *wish) {
    const std::string_view name(wish);
    if (name != "kvm" && name != "tcg")
      throw support::invalid(fmt::format("VMIMAGE_ACCEL is '{}', which is no known accelerator", name),
                             "known are kvm and tcg; unset it to have KVM used where it works");
    return {name == "kvm" ? Accelerator::Kvm : Accelerator::Tcg, "VMIMAGE_ACCEL asks for it"};
  }
  // Cheap, and different from user to user: not remembered.
  const int fd = ::open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (fd < 0)
    return {Accelerator::Tcg, errno == ENOENT
                                  ? std::string("this machine has no KVM")
                                  : fmt::format("/dev/kvm cannot be opened: {}", std::strerror(errno))};
  ::close(fd);
  return probe_once();
}

}  // namespace vmimage::machine
