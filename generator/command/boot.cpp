// vmimage boot: one throw-away instance on the terminal, or a test of an image.

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "command/command.hpp"
#include "machine/accelerator.hpp"
#include "machine/check.hpp"
#include "machine/console.hpp"
#include "machine/firmware.hpp"
#include "recipe/settings.hpp"
#include "support/error.hpp"

namespace vmimage::command {

namespace fs = std::filesystem;
using support::invalid;

namespace {

struct Options {
  fs::path image;
  std::string firmware;
  bool secure_boot = false;
  fs::path secure_boot_variables;
  std::string bus = "virtio-blk";
  std::string card = "virtio";
  std::vector<std::string> settings;
  std::vector<std::string> volumes;
  std::string memory;
  int cpus = 0;
  bool check = false;
  int count = 1;
  int timeout = 180;
  fs::path serial_log;
  std::vector<std::string> client;
};

std::map<std::string, std::string> parse_settings(const std::vector<std::string>& settings) {
  std::map<std::string, std::string> environment;
  for (const auto& setting : settings) {
    const auto [key, value] = recipe::parse_setting(setting);
    environment[key] = value;
  }
  return environment;
}

/// PATH=FILE of each volume that is to be kept.
std::map<std::string, fs::path> parse_volumes(const Options& options, const recipe::Manifest& manifest) {
  std::map<std::string, fs::path> volumes;
  for (const auto& text : options.volumes) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals + 1 == text.size())
      throw invalid(fmt::format("--volume '{}' is not of the form PATH=FILE", text),
                    "e.g. --volume /var/lib/orders=orders.qcow2");
    const std::string path = text.substr(0, equals);
    if (std::none_of(manifest.volumes.begin(), manifest.volumes.end(),
                     [&](const auto& volume) { return volume.path == path; }))
      throw invalid(fmt::format("the image has no volume '{}'", path),
                    "vmimage inspect shows those that it has");
    volumes[path] = fs::absolute(text.substr(equals + 1));
  }
  if (!volumes.empty() && options.count > 1)
    throw invalid("a volume belongs to one instance", "leave --count or --volume out");
  return volumes;
}

recipe::Size size_of(const Options& options, const recipe::Manifest& manifest, machine::Firmware firmware) {
  recipe::Size size = manifest.size;
  if (options.cpus > 0)
    size.cpus = options.cpus;
  if (!options.memory.empty())
    size.memory = recipe::parse_size(options.memory);
  if (size.memory < (64ull << 20))
    throw invalid(fmt::format("{} of memory is too little", recipe::format_size(size.memory)),
                  "give at least 64M");
  if (firmware == machine::Firmware::Uefi && size.memory < machine::kUefiMemory) {
    fmt::print(stderr, "vmimage: memory {} instead of {}: UEFI firmware needs that much\n",
               recipe::format_size(machine::kUefiMemory), recipe::format_size(size.memory));
    size.memory = machine::kUefiMemory;
  }
  return size;
}

machine::InstanceOptions instance_options(const Options& options, const machine::Image& image) {
  machine::InstanceOptions instance{.name = machine::host_name(image.manifest.name)};
  instance.firmware = image.firmware;
  instance.bus = machine::parse_disk_bus(options.bus);
  instance.card = machine::parse_network_card(options.card);
  if (options.secure_boot)
    instance.secure_boot = machine::find_secure_uefi(options.secure_boot_variables);
  instance.size = size_of(options, image.manifest, instance.firmware);
  instance.environment = parse_settings(options.settings);
  instance.volumes = parse_volumes(options, image.manifest);
  instance.serial_log = options.serial_log;
  const machine::Acceleration acceleration = machine::probe_acceleration();
  instance.accelerator = acceleration.kind;
  if (acceleration.kind == machine::Accelerator::Tcg)
    fmt::print(stderr, "vmimage: software emulation, several times slower than KVM: {}\n",
               acceleration.reason);
  return instance;
}

void report(const machine::CheckOutcome& outcome, const fs::path& serial_log) {
  fmt::print("{}", outcome.client_out);
  std::fflush(stdout);
  fmt::print(stderr, "{}", outcome.client_err);
  if (outcome.healthy_in)
    fmt::print(stderr, "vmimage: {}: healthy after {:.1f} s\n", outcome.name,
               static_cast<double>(outcome.healthy_in->count()) / 1000);
  if (!outcome.serial_tail)
    return;
  if (outcome.serial_tail->empty())
    fmt::print(stderr, "vmimage: {}: its serial log is empty\n", outcome.name);
  else
    fmt::print(stderr, "vmimage: {}: the end of its serial log{}:\n{}\n", outcome.name,
               serial_log.empty() ? "" : fmt::format(" ({})", serial_log.string()), *outcome.serial_tail);
}

void check(const machine::Image& image, const Options& options) {
  machine::CheckOptions check{.instance = instance_options(options, image)};
  check.count = options.count;
  check.timeout = std::chrono::seconds(options.timeout);
  check.client = options.client;
  const auto outcomes = machine::check_instances(image, check);
  const machine::CheckOutcome* failed = nullptr;
  for (int number = 1; number <= options.count; ++number) {
    const auto& outcome = outcomes[static_cast<std::size_t>(number - 1)];
    report(outcome, machine::numbered(options.serial_log, number, options.count));
    if (outcome.problem && !failed)
      failed = &outcome;
  }
  if (failed)
    throw support::Error(failed->problem->kind(),
                         fmt::format("failed to boot '{}' ({}): {}", image.disk.string(), failed->name,
                                     failed->problem->what()),
                         failed->problem->hint());
}

void show(const machine::Image& image, const Options& options) {
  machine::Console console;
  machine::Instance instance(image, instance_options(options, image), console.streams());
  for (const auto& port : image.manifest.ports)
    fmt::print(stderr, "vmimage: 127.0.0.1:{} leads to port {}\n", instance.host_port(port),
               recipe::to_string(port));
  fmt::print(stderr, "vmimage: Ctrl-] ends the machine\n");
  if (console.run(instance.qemu()) == machine::Console::End::User) {
    fmt::print(stderr, "\nvmimage: ended\n");
    return;
  }
  const auto cause = instance.ended(std::chrono::seconds(1));
  if (!instance.qemu().wait(std::chrono::seconds(1))->ok())
    throw support::failure(fmt::format("failed to boot '{}': {}", image.disk.string(), *cause));
}

/// What was asked for; nothing: what suits the image.
std::optional<machine::Firmware> firmware_of(const Options& options) {
  std::optional<machine::Firmware> firmware;
  if (!options.firmware.empty())
    firmware = machine::parse_firmware(options.firmware);
  if (!options.secure_boot)
    return firmware;
  if (firmware && *firmware != machine::Firmware::Uefi)
    throw invalid(fmt::format("there is no Secure Boot with the firmware '{}'", options.firmware),
                  "give --firmware uefi, or leave it out");
  return machine::Firmware::Uefi;
}

void boot(const Options& options) {
  // Told before anything takes time.
  const std::optional<machine::Firmware> firmware = firmware_of(options);
  if (options.secure_boot)
    machine::find_secure_uefi(options.secure_boot_variables);
  machine::parse_disk_bus(options.bus);
  machine::parse_network_card(options.card);
  parse_settings(options.settings);
  if (!options.client.empty() && !options.check)
    throw invalid("a client is run by a test only", "add --check");
  if (!options.client.empty() && support::find_program(options.client[0]).empty())
    throw invalid(fmt::format("failed to run the client '{}': program not found", options.client[0]),
                  "give its path, or a name that is on PATH");
  const machine::Image image = machine::open_image(options.image, firmware);
  if (options.check)
    check(image, options);
  else
    show(image, options);
}

}  // namespace

void add_boot(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("boot", "Starts one throw-away instance, or tests an image");
  command->add_option("image", options->image, "An image, or its manifest")->required()->type_name("IMAGE");
  command
      ->add_option("--firmware", options->firmware,
                   "direct, bios or uefi (default: the fastest that the image has)")
      ->type_name("FIRMWARE");
  CLI::Option* secure_boot = command->add_flag("--secure-boot", options->secure_boot,
                                               "UEFI that starts only what is signed by a key that it knows");
  command
      ->add_option("--secure-boot-vars", options->secure_boot_variables,
                   "The firmware's variables, with its keys (default: Microsoft's keys)")
      ->type_name("FILE")
      ->needs(secure_boot);
  command
      ->add_option("--bus", options->bus,
                   "What the disk hangs on: virtio-blk (default), virtio-scsi, nvme, pvscsi, ahci, ide")
      ->type_name("BUS");
  command->add_option("--network", options->card, "Network card: virtio (default), vmxnet3 or e1000")
      ->type_name("CARD");
  command->add_option("--env", options->settings, "A setting for the service (repeatable)")
      ->type_name("K=V")
      ->take_all()
      ->allow_extra_args(false);
  command->add_option("--volume", options->volumes, "The disk of a volume, which is kept (repeatable)")
      ->type_name("PATH=FILE")
      ->take_all()
      ->allow_extra_args(false);
  command->add_option("--memory", options->memory, "Memory (default: what the image asks for)")
      ->type_name("SIZE");
  command->add_option("--cpus", options->cpus, "Processors (default: what the image asks for)")
      ->type_name("N")
      ->check(CLI::Range(1, 255));
  CLI::Option* check = command->add_flag("--check", options->check, "Test it: healthy, client, powered off");
  command->add_option("--count", options->count, "As many instances at once (default: 1)")
      ->type_name("N")
      ->check(CLI::Range(1, 100))
      ->needs(check);
  command->add_option("--timeout", options->timeout, "Seconds until it has to be healthy (default: 180)")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 86400))
      ->needs(check);
  command->add_option("--serial-log", options->serial_log, "Where the serial log goes")
      ->type_name("FILE")
      ->needs(check);
  command->add_option("client", options->client, "Run against each healthy instance, after --")
      ->type_name("CLIENT");
  command->callback([options] { boot(*options); });
}

}  // namespace vmimage::command
