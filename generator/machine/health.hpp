#pragma once
// One health check against one address.

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "recipe/service.hpp"

namespace vmimage::machine {

/// Asked of a check's connection, by its local port: whether the guest took it. QEMU's user network answers
/// for the guest, so that a connection by itself proves nothing (see reached_guest() in qmp.hpp). A Tcp check
/// succeeds by that; an Http check that has not got so far within a fraction of a second is given up.
using Reached = std::function<bool(std::uint16_t local_port)>;

/// Nothing when healthy, else the cause in a few words ("HTTP 500", "connection refused", "no answer within 2
/// s"). `port` is the host's port that leads to the check's port.
std::optional<std::string> check_health(const recipe::HealthCheck& check, const std::string& address,
                                        std::uint16_t port, std::chrono::milliseconds timeout,
                                        const Reached& reached = {});

}  // namespace vmimage::machine
