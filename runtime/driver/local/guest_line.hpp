#pragma once
// The line to the program in the guest that gives it an identity of its own (guest/programs/identity.cpp): a
// Unix socket here, the second serial port there.

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "driver/machines.hpp"
#include "support/descriptor.hpp"

namespace vmfleet::driver {

/// Its socket, beside that of the machine's monitor.
std::filesystem::path guest_line_of(const Launch& launch);

/// A network card's address.
using Mac = std::array<std::uint8_t, 6>;
/// A random, locally administered one.
Mac new_mac();
std::string to_string(const Mac& mac);  ///< "52:54:00:12:34:56"

/// Who a resumed guest is.
struct Identity {
  std::string host;
  Mac mac{};
  std::chrono::nanoseconds time{0};  ///< UTC, since the epoch
  std::array<std::uint8_t, 32> seed{};
  bool renew = false;  ///< its card is in a network that gives it another address
};

/// What QEMU gives a machine's first network card.
constexpr Mac kDefaultMac{0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

/// The order to take it on. Pure.
std::string identity_line(const Identity& identity);

/// One for this host and card, of now, with other random bytes each time.
Identity new_identity(const std::string& host, const Mac& mac = new_mac());

class GuestLine {
 public:
  /// Connects. Throws Error.
  explicit GuestLine(const Launch& launch) : GuestLine(guest_line_of(launch)) {}
  explicit GuestLine(const std::filesystem::path& socket);
  void send(const std::string& line);
  /// The guest's next line. Throws Error when none comes in time.
  std::string receive(std::chrono::milliseconds limit);

 private:
  vmimage::support::Descriptor socket_;
  std::string buffer_;
};

/// The IPv4 address of a guest's first card; empty: it has none yet. Throws Error when it does not answer.
std::string ask_address(const std::filesystem::path& guest_line, std::chrono::milliseconds limit);
/// Where its ports are. Throws Error while that is not known.
std::string address_of(const Launch& launch, const Running& running, std::chrono::milliseconds limit);
/// Out of the guest's line; nothing: it is no answer to that. Pure.
std::optional<std::string> parse_address(const std::string& line);

}  // namespace vmfleet::driver
