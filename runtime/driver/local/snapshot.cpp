#include "driver/local/snapshot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <thread>

#include "driver/local/process.hpp"
#include "support/descriptor.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace machine = vmimage::machine;
namespace support = vmimage::support;
using support::json;

namespace {

constexpr const char* kVersion = "1";  // raise when another vmfleet could not resume it
constexpr auto kMigrationLimit = std::chrono::seconds(30);
constexpr auto kMigrationPoll = std::chrono::milliseconds(1);

/// Another one whenever a package has been updated.
std::string describe_qemu(const std::string& program) {
  const fs::path path = support::find_program(program);
  struct stat status {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0)
    return "none";
  return fmt::format("{} {} {}.{}", status.st_ino, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec);
}

}  // namespace

bool Snapshot::exists() const {
  std::error_code none;
  return fs::exists(folder, none);  // it gets its name when it is complete
}

std::string snapshot_name(const Launch& launch, const machine::Machine& vm) {
  support::Digest all;
  all.add(kVersion).add(boot_id()).add(launch.manifest->digest).add(launch.secrets.string());
  all.add(launch.host_loopback ? "host loopback" : "").add(launch.bridge);
  for (const auto& [key, value] : launch.environment)
    all.add(key).add(value);
  machine::Machine kind = vm;  // without what each has of its own
  kind.name.clear();
  kind.mac_address.clear();
  kind.disk.clear();
  kind.qmp_socket = kind.guest_line = kind.serial_log = kind.serial_socket = kind.settings =
      kind.uefi_variables = "x";
  kind.secrets.clear();  // their folder is named by their contents
  const auto argv = machine::qemu_argv(kind);
  all.add(describe_qemu(argv.front()));
  for (const auto& word : argv)
    all.add(word);
  return all.hex().substr(0, 16);
}

void ignore_shared_memory(machine::Qmp& qmp) {
  qmp.execute("migrate-set-capabilities",
              {{"capabilities", {{{"capability", "x-ignore-shared"}, {"state", true}}}}});
}

void pass_devices(machine::Qmp& qmp, const fs::path& path, int flags) {
  const support::Descriptor file(::open(path.c_str(), flags | O_CLOEXEC, 0600));
  if (!file.open())
    support::throw_errno(fmt::format("open '{}'", path.string()));
  qmp.pass("devices", file.fd);
}

void wait_for_migration(machine::Qmp& qmp) {
  const auto until = std::chrono::steady_clock::now() + kMigrationLimit;
  while (true) {
    const json state = qmp.execute("query-migrate");
    const std::string status = state.value("status", "none");
    if (status == "completed")
      return;
    if (status == "failed" || status == "cancelled")
      throw support::failure(fmt::format("QEMU's migration {}: {}", status,
                                         state.value("error-desc", std::string("no reason given"))));
    if (std::chrono::steady_clock::now() > until)
      throw support::failure("QEMU's migration does not end");
    std::this_thread::sleep_for(kMigrationPoll);
  }
}

}  // namespace vmfleet::driver
