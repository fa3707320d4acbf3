#pragma once
// What vmfleet and a fleet's balancer know each other by: one key and its own certificate, which both have.

#include <cstdint>
#include <string>

namespace vmfleet::driver::openstack {

/// A new key (P-256) and a certificate that it has signed itself, for ten years. PEM.
std::string make_key();

/// Sends commands to HAProxy's runtime API behind TLS at `address`, and returns what it answers. Only who has
/// this key is spoken to. Throws Error{Failure}.
std::string ask_by_tls(const std::string& address, std::uint16_t port, const std::string& key,
                       const std::string& commands);

}  // namespace vmfleet::driver::openstack
