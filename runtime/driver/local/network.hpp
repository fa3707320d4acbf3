#pragma once
// What this machine's network has that a guest's user network can have, too.

#include <string>

namespace vmfleet::driver {

/// Whether an interface but the loopback one has an address that reaches beyond its link, out of
/// /proc/net/if_inet6. Pure.
bool parse_ipv6(const std::string& if_inet6);
bool has_ipv6();

}  // namespace vmfleet::driver
