#pragma once
// QEMU Machine Protocol (docs/interop/qmp-spec.txt): one connection to one running QEMU.

#include <chrono>
#include <filesystem>
#include <string>

#include "machine/machine.hpp"
#include "support/json.hpp"

namespace vmimage::machine {

class Qmp {
 public:
  /// Connects and negotiates; retries until `deadline` passes. Throws Error{Failure}.
  Qmp(const std::filesystem::path& socket, std::chrono::milliseconds deadline);
  ~Qmp();
  Qmp(Qmp&&) noexcept;

  /// Returns the "return" member; throws Error{Failure} with QEMU's description.
  support::json execute(const std::string& command, const support::json& arguments = support::json::object(),
                        std::chrono::milliseconds deadline = std::chrono::seconds(5));

 private:
  int fd_ = -1;
  std::string buffer_;
};

/// The host port that QEMU chose for a Forward with host_port 0 (from "info usernet").
std::uint16_t forwarded_port(Qmp& qmp, const recipe::Port& guest);
/// Pure part of the above: parses the text of "info usernet"; 0 when absent.
std::uint16_t parse_usernet(const std::string& text, const recipe::Port& guest);

}  // namespace vmimage::machine
