#pragma once
// One health check against one address.

#include <chrono>
#include <optional>
#include <string>

#include "recipe/service.hpp"

namespace vmimage::machine {

/// Nothing when healthy, else the cause in a few words ("HTTP 500", "connection refused", "no answer within 2
/// s"). `port` is the host's port that leads to the check's port.
std::optional<std::string> check_health(const recipe::HealthCheck& check, const std::string& address,
                                        std::uint16_t port, std::chrono::milliseconds timeout);

}  // namespace vmimage::machine
