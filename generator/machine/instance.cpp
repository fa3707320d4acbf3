#include "machine/instance.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "inspect/image.hpp"
#include "machine/health.hpp"
#include "machine/serial.hpp"
#include "recipe/settings.hpp"
#include "support/error.hpp"
#include "support/text.hpp"

namespace vmimage::machine {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using support::failure;

namespace {

constexpr std::chrono::milliseconds kAttempt{3000};
constexpr std::chrono::milliseconds kBetweenAttempts{20};
// The button is pressed again because a guest that has not yet loaded its driver does not notice it.
constexpr std::chrono::milliseconds kBetweenPresses{2000};
constexpr std::chrono::milliseconds kQmpStart{30s};

std::string image_format(const fs::path& disk) {
  const std::string text =
      support::run_checked({.argv = {"qemu-img", "info", "--output=json", disk.string()}});
  return support::parse_json(text, "qemu-img").at("format").get<std::string>();
}

/// A new, empty file for a program to append to; -1 on none.
int open_log(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0)
    support::throw_errno(fmt::format("write '{}'", path.string()));
  return fd;
}

/// QEMU's reasons (RunState's ShutdownCause) in words.
std::string describe_shutdown(const std::string& reason) {
  if (reason == "guest-shutdown")
    return "it powered itself off";
  if (reason == "guest-reset" || reason == "subsystem-reset")
    return "it reset itself";
  if (reason == "guest-panic")
    return "its kernel panicked";
  return fmt::format("QEMU says '{}'", reason);
}

}  // namespace

Image open_image(const fs::path& path, const std::optional<Firmware>& firmware) {
  Image image;
  image.disk = fs::absolute(inspect::image_of(path));
  image.manifest = inspect::load_manifest(image.disk);
  image.format = image_format(image.disk);
  image.firmware = choose_firmware(firmware, image.manifest.boot);
  if (image.firmware == Firmware::Direct) {
    const inspect::BootFiles files = inspect::boot_files(image.disk, image.manifest);
    image.kernel = DirectKernel{files.kernel, files.plain_kernel, files.initrd, files.command_line};
  }
  return image;
}

std::string host_name(const std::string& name) {
  std::string result;
  for (const char c : name.substr(0, 63)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || !result.empty())
      result += plain ? c : '-';
  }
  while (!result.empty() && result.back() == '-')
    result.pop_back();
  return result.empty() ? "vm" : result;
}

Instance::Instance(const Image& image, const InstanceOptions& options, support::Child::Streams console)
    : options_(options), health_(image.manifest.health) {
  const bool streams = console.in >= 0 || console.out >= 0;
  serial_log_ =
      options_.serial_log.empty() ? folder_.path() / "serial.log" : fs::absolute(options_.serial_log);
  make_disk(image);
  write_settings();
  Machine machine = describe(image);
  if (streams)
    machine.serial_log.clear();
  else
    ::close(open_log(serial_log_));  // empty, and an error of ours when it cannot be written
  console.err = open_log(folder_.path() / "qemu.log");
  try {
    child_.emplace(qemu_argv(machine), console);
  } catch (...) {
    ::close(console.err);
    throw;
  }
  ::close(console.err);
  // QEMU makes the socket early; when it ends instead, its reason is told rather than that of the socket.
  const auto until = Clock::now() + kQmpStart;
  while (!fs::exists(machine.qmp_socket)) {
    support::check_interrupt();
    if (const auto cause = ended(5ms))
      throw failure(fmt::format("failed to start the machine: {}", *cause));
    if (Clock::now() >= until)
      throw failure("failed to start the machine: QEMU does not answer");
  }
  try {
    qmp_.emplace(machine.qmp_socket, kQmpStart);
  } catch (const support::Error&) {
    if (const auto cause = ended(1s))
      throw failure(fmt::format("failed to start the machine: {}", *cause));
    throw;
  }
}

Machine Instance::describe(const Image& image) {
  Machine machine;
  machine.name = options_.name;
  machine.disk = folder_.path() / "disk.qcow2";
  machine.data_disks = make_volumes(image);
  machine.size = options_.size;
  machine.accelerator = options_.accelerator;
  machine.firmware = options_.firmware;
  machine.bus = options_.bus;
  machine.card = options_.card;
  machine.kernel = image.kernel;
  machine.qmp_socket = folder_.path() / "qmp";
  machine.serial_log = serial_log_;
  machine.settings = folder_.path() / "environment";
  for (const auto& port : image.manifest.ports)
    machine.forwards.push_back({.guest = port});
  if (options_.firmware == Firmware::Uefi) {
    machine.secure_boot = options_.secure_boot.has_value();
    use_uefi(machine, options_.secure_boot ? *options_.secure_boot : find_uefi(), folder_.path());
  }
  return machine;
}

void Instance::make_disk(const Image& image) {
  support::run_checked({.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "-F", image.format, "-b",
                                 image.disk.string(), (folder_.path() / "disk.qcow2").string()}});
}

std::vector<DataDisk> Instance::make_volumes(const Image& image) {
  std::vector<DataDisk> disks;
  for (const auto& volume : image.manifest.volumes) {
    const auto given = options_.volumes.find(volume.path);
    const fs::path file =
        given == options_.volumes.end() ? folder_.path() / (volume.label() + ".qcow2") : given->second;
    if (!fs::exists(file))
      support::run_checked(
          {.argv = {"qemu-img", "create", "-q", "-f", "qcow2", file.string(), std::to_string(volume.size)}});
    disks.push_back({file, volume.label()});
  }
  return disks;
}

void Instance::write_settings() {
  support::write_file_atomic(folder_.path() / "environment", recipe::settings_text(options_.environment),
                             0600);
}

std::uint16_t Instance::host_port(const recipe::Port& port) {
  return forwarded_port(*qmp_, port);
}

std::string Instance::last_words() const {
  return support::last_line(support::read_file(folder_.path() / "qemu.log"));
}

std::optional<std::string> Instance::ended(std::chrono::milliseconds wait) {
  const auto result = child_->wait(wait);
  if (!result)
    return std::nullopt;
  if (qmp_)
    for (const auto& event : qmp_->take_events())
      if (event.at("event") == "SHUTDOWN")
        shutdown_reason_ = event.at("data").value("reason", std::string("shutdown"));
  if (result->signal)
    return fmt::format("QEMU was ended by signal {}", result->signal);
  if (!result->ok())
    return fmt::format("QEMU failed with exit status {}: {}", result->exit_status, last_words());
  return shutdown_reason_ ? describe_shutdown(*shutdown_reason_) : "QEMU ended";
}

void Instance::wait_healthy(std::chrono::seconds timeout) {
  if (health_.type == recipe::HealthType::None)
    return;
  const std::uint16_t port = host_port({health_.port, recipe::Protocol::Tcp});
  const Reached reached = [this](std::uint16_t) { return reached_guest(*qmp_, health_.port); };
  const auto until = Clock::now() + timeout;
  std::string cause = "it was not asked";
  while (Clock::now() < until) {
    support::check_interrupt();
    try {
      const auto problem = check_health(health_, "127.0.0.1", port, kAttempt, reached);
      if (!problem)
        return;
      cause = *problem;
    } catch (const support::Error& error) {
      cause = error.what();  // QEMU has gone while it was asked; told below
    }
    if (const auto end = ended(kBetweenAttempts))
      throw failure(fmt::format("the machine ended before its service was healthy: {}", *end));
  }
  throw failure(fmt::format("the service was not healthy within {} s; its last answer to {}: {}",
                            timeout.count(), recipe::to_string(health_), cause));
}

void Instance::power_off(std::chrono::seconds timeout) {
  if (const auto end = ended(0ms))
    throw failure(fmt::format("the machine ended before its power button was pressed: {}", *end));
  const auto until = Clock::now() + timeout;
  while (Clock::now() < until) {
    support::check_interrupt();
    try {
      qmp_->execute("system_powerdown");
    } catch (const support::Error&) {
      // It has ended meanwhile, or is too busy to answer.
    }
    const auto next = std::min(Clock::now() + kBetweenPresses, until);
    while (Clock::now() < next) {
      support::check_interrupt();
      const auto end = ended(50ms);
      if (end && shutdown_reason_ != "guest-shutdown")
        throw failure(fmt::format("the machine did not power off when its button was pressed: {}", *end));
      if (end)
        return;
    }
  }
  throw failure(
      fmt::format("the machine did not power off within {} s of its button being pressed", timeout.count()));
}

void Instance::end_on_reset() {
  qmp_->execute("set-action", {{"reboot", "shutdown"}});
}

std::string Instance::serial_tail(int lines) const {
  std::ifstream file(serial_log_, std::ios::binary);
  return last_lines({std::istreambuf_iterator<char>(file), {}}, lines);
}

}  // namespace vmimage::machine
