#pragma once
// A machine is kept from the services of this host's loopback network (guard/loopback.cpp).

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace vmfleet::driver {

/// The shared library, as bytes.
std::string_view guard_library();

/// Writes it to the machine's folder; returns the command line that starts `argv` with it.
std::vector<std::string> guarded(const std::filesystem::path& folder, const std::vector<std::string>& argv);

}  // namespace vmfleet::driver
