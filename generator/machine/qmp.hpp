#pragma once
// QEMU Machine Protocol (docs/interop/qmp-spec.txt): one connection to one running QEMU.

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "machine/machine.hpp"
#include "support/json.hpp"

namespace vmimage::machine {

class Qmp {
 public:
  /// Connects and negotiates; retries until `deadline` passes. Throws Error{Failure}.
  Qmp(const std::filesystem::path& socket, std::chrono::milliseconds deadline);
  ~Qmp();
  Qmp(Qmp&&) noexcept;
  Qmp& operator=(Qmp&&) noexcept;

  /// Returns the "return" member; throws Error{Failure} with QEMU's description. Not cut short by an
  /// interrupt: the way down is by QMP too.
  support::json execute(const std::string& command, const support::json& arguments = support::json::object(),
                        std::chrono::milliseconds deadline = std::chrono::seconds(5));

  /// Gives QEMU an open file, which later commands know by this name ("getfd"). Throws Error{Failure}.
  void pass(const std::string& name, int fd);

  /// The events that came since the last call, oldest first; does not wait. QEMU having gone is no error
  /// here.
  std::vector<support::json> take_events();

 private:
  using Clock = std::chrono::steady_clock;
  std::optional<support::json> read_message(Clock::time_point until);  ///< nothing: time passed
  void send(const std::string& line, int fd = -1);
  support::json read_reply(const std::string& what, Clock::time_point until);

  int fd_ = -1;
  std::string buffer_;
  std::vector<support::json> events_;
};

/// The host port that QEMU chose for a Forward with host_port 0 (from "info usernet").
std::uint16_t forwarded_port(Qmp& qmp, const recipe::Port& guest);
/// Pure part of the above: parses the text of "info usernet"; 0 when absent.
std::uint16_t parse_usernet(const std::string& text, const recipe::Port& guest);

/// Whether the last connection that was made to the guest's port got through to the guest. QEMU's user
/// network takes connections before the guest does, so that connecting proves nothing.
bool reached_guest(Qmp& qmp, std::uint16_t guest_port);
/// Pure part of the above.
bool parse_reached(const std::string& text, std::uint16_t guest_port);

}  // namespace vmimage::machine
