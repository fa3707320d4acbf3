#pragma once
// The boot test: do instances of an image come up healthy, serve a client, and power off cleanly?

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "machine/instance.hpp"
#include "support/error.hpp"

namespace vmimage::machine {

struct CheckOptions {
  InstanceOptions instance;  ///< for each of them; its name and serial log are numbered
  int count = 1;
  std::chrono::seconds timeout{180};     ///< until healthy; as much again for the client
  std::vector<std::string> client = {};  ///< run against each healthy instance; may be empty
};

/// What became of one instance.
struct CheckOutcome {
  std::string name;
  std::optional<support::Error> problem;
  std::optional<std::string> serial_tail;               ///< when a machine that ran had a problem
  std::optional<std::chrono::milliseconds> healthy_in;  ///< from the machine's start
  std::string client_out;
  std::string client_err;
};

/// All of them at once. Throws Error{Interrupted} after all have been ended; other errors are in the
/// outcomes.
std::vector<CheckOutcome> check_instances(const Image& image, const CheckOptions& options);

/// "hello.log", or of several instances "hello-2.log". Pure.
std::filesystem::path numbered(const std::filesystem::path& file, int number, int count);

}  // namespace vmimage::machine
