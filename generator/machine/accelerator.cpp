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

constexpr std::chrono::seconds kDeadline{3};  // a working KVM needs a tenth of a second
constexpr int kSignal = 0x10;                 // what the probe guest writes to the debug-exit device

/// A boot sector that says through the isa-debug-exit device that it ran:
/// mov al, 0x10; out 0xf4, al; then hlt for ever.
std::string boot_sector() {
  std::string sector("\xb0\x10\xe6\xf4\xf4\xeb\xfd", 7);
  sector.resize(510, '\0');
  return sector + "\x55\xaa";
}

Acceleration probe() {
  const support::TempDir folder;
  const fs::path disk = folder.path() / "probe.img";
  support::write_file_atomic(disk, boot_sector());
  const auto result = support::run(
      {.argv = {"qemu-system-x86_64", "-machine", "pc", "-accel", "kvm", "-nodefaults", "-no-user-config",
                "-display", "none", "-m", "32", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-drive",
                "if=ide,format=raw,file=" + disk.string()},
       .timeout = kDeadline});
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
