#pragma once
// What recipe and manifest both say of a service: ports, health check, size. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "support/json.hpp"

namespace vmimage::recipe {

enum class Protocol { Tcp, Udp };

struct Port {
  std::uint16_t number = 0;
  Protocol protocol = Protocol::Tcp;
  bool operator==(const Port&) const = default;
};

/// "8080", "8080/tcp" or "53/udp". Throws Error{Usage}.
Port parse_port(const std::string& text);
std::string to_string(const Port& port);

enum class HealthType { None, Http, Tcp };

/// None: healthy as soon as it runs. Http: GET answers 200–399. Tcp: a connection is accepted.
struct HealthCheck {
  HealthType type = HealthType::None;
  std::uint16_t port = 0;
  std::string path;  ///< Http only; starts with '/'
  bool operator==(const HealthCheck&) const = default;
};

/// "http://:8080/healthz", "tcp://:5432", or "" (None). Throws Error{Usage}.
HealthCheck parse_health(const std::string& url);
std::string to_string(const HealthCheck& health);

/// "512M", "2G", "1.5GiB", "1048576": bytes, powers of 1024. Throws Error{Usage}.
std::uint64_t parse_size(const std::string& text);
/// "256 MiB", for people.
std::string format_size(std::uint64_t bytes);

/// Fixed size of an instance.
struct Size {
  int cpus = 1;
  std::uint64_t memory = 256ull << 20;  ///< bytes
  bool operator==(const Size&) const = default;
};

/// Data that outlives instances: a disk of its own, mounted at a folder. The label of its file system says
/// which it is, and so does the serial number of its disk where whoever runs the instance can choose that.
struct Volume {
  std::string path;
  std::uint64_t size = 0;     ///< bytes
  std::string label() const;  ///< follows from the path; at most 16 characters, as ext4's are
  bool operator==(const Volume&) const = default;
};

/// Ports: [“8080/tcp”]; throws on a port given twice, or a health check on a port that is not among them.
std::vector<Port> read_ports(support::Fields& fields);
HealthCheck read_health(support::Fields& fields, const std::vector<Port>& ports);

}  // namespace vmimage::recipe
