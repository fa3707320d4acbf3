#pragma once
// One throw-away instance of an image: QEMU as a child of ours, its disk an overlay on the image, all of its
// files in a folder that goes with it.

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "machine/firmware.hpp"
#include "machine/machine.hpp"
#include "machine/qmp.hpp"
#include "recipe/manifest.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::machine {

/// An image as instances need it; any number of them share one.
struct Image {
  std::filesystem::path disk;  ///< absolute
  std::string format;          ///< QEMU's name
  recipe::Manifest manifest;
  Firmware firmware = Firmware::Direct;
  std::optional<DirectKernel> kernel;  ///< for Firmware::Direct
};

/// `path`: an image, or the manifest beside one; `firmware`: what to start it with, absent: what suits it.
/// Throws Error{Usage} when it is none of ours.
Image open_image(const std::filesystem::path& path, const std::optional<Firmware>& firmware);

struct InstanceOptions {
  std::string name;  ///< host name in the guest; see host_name()
  Firmware firmware = Firmware::Direct;
  DiskBus bus = DiskBus::VirtioBlk;
  NetworkCard card = NetworkCard::Virtio;
  recipe::Size size = {};
  std::optional<UefiFiles> secure_boot = {};  ///< with Firmware::Uefi: what to start it with
  Accelerator accelerator = Accelerator::Tcg;
  /// Disks of volumes by their path, made where they are not there; others are empty and go with the
  /// instance.
  std::map<std::string, std::filesystem::path> volumes = {};
  std::map<std::string, std::string> environment = {};  ///< settings for the service
  std::filesystem::path serial_log = {};                ///< empty: in the instance's folder
};

/// What a host may be called (RFC 1123), made from any name.
std::string host_name(const std::string& name);

class Instance {
 public:
  /// Starts it with its serial console in the log, or on these descriptors when they are given.
  Instance(const Image& image, const InstanceOptions& options, support::Child::Streams console = {});

  const std::string& name() const { return options_.name; }
  support::Child& qemu() { return *child_; }
  Qmp& qmp() { return *qmp_; }
  /// The host's port, on 127.0.0.1, that leads to a port of the image. QEMU must run.
  std::uint16_t host_port(const recipe::Port& port);

  /// Waits until the health check answers. Throws Error{Failure} when the time is over or the machine ends.
  void wait_healthy(std::chrono::seconds timeout);
  /// Presses the power button until the machine goes down. Throws Error{Failure} when it does not, or not by
  /// powering off.
  void power_off(std::chrono::seconds timeout);
  /// Why the machine ended, in a few words; nothing while it runs (waits at most so long for it).
  std::optional<std::string> ended(std::chrono::milliseconds wait);
  /// From now on a reset ends the machine, so that a guest in a boot loop is noticed.
  void end_on_reset();
  /// The last lines of the serial log.
  std::string serial_tail(int lines) const;

 private:
  Machine describe(const Image& image);
  void make_disk(const Image& image);
  std::vector<DataDisk> make_volumes(const Image& image);
  void write_settings();
  std::string last_words() const;

  InstanceOptions options_;
  recipe::HealthCheck health_;
  support::TempDir folder_;
  std::filesystem::path serial_log_;
  std::optional<support::Child> child_;
  std::optional<Qmp> qmp_;
  std::optional<std::string> shutdown_reason_;  ///< what QEMU's SHUTDOWN event said
};

}  // namespace vmimage::machine
