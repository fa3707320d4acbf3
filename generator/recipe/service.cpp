#include "recipe/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

#include "support/digest.hpp"
#include "support/error.hpp"

namespace vmimage::recipe {

using support::Fields;
using support::invalid;

namespace {

std::uint16_t parse_port_number(std::string_view digits, const std::string& text) {
  unsigned number = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (problem != std::errc{} || end != digits.data() + digits.size() || number < 1 || number > 65535)
    throw invalid(fmt::format("invalid port '{}'", text),
                  "a port is a number from 1 to 65535, with '/udp' for UDP");
  return static_cast<std::uint16_t>(number);
}

std::uint64_t unit_of(const std::string& suffix) {
  static const std::map<std::string, int> shifts{{"", 0}, {"K", 10}, {"M", 20}, {"G", 30}, {"T", 40}};
  std::string letter = suffix;
  for (const char* ending : {"iB", "B"})
    if (letter.ends_with(ending)) {
      letter.resize(letter.size() - std::char_traits<char>::length(ending));
      break;
    }
  std::transform(letter.begin(), letter.end(), letter.begin(), ::toupper);
  const auto found = shifts.find(letter);
  return found == shifts.end() ? 0 : 1ull << found->second;
}

}  // namespace

std::string Volume::label() const {
  constexpr std::size_t kDigits = 12;
  return "vol-" + support::Digest().add(path).hex().substr(0, kDigits);
}

Port parse_port(const std::string& text) {
  const auto slash = text.find('/');
  Port port;
  port.number = parse_port_number(std::string_view(text).substr(0, slash), text);
  if (slash == std::string::npos)
    return port;
  const std::string protocol = text.substr(slash + 1);
  if (protocol == "udp")
    port.protocol = Protocol::Udp;
  else if (protocol != "tcp")
    throw invalid(fmt::format("invalid port '{}': unknown protocol '{}'", text, protocol),
                  "write /tcp or /udp");
  return port;
}

std::string to_string(const Port& port) {
  return fmt::format("{}/{}", port.number, port.protocol == Protocol::Tcp ? "tcp" : "udp");
}

HealthCheck parse_health(const std::string& url) {
  if (url.empty())
    return {};
  const auto bad = [&](const std::string& cause) {
    return invalid(fmt::format("invalid health check '{}': {}", url, cause),
                   "write http://:PORT/PATH or tcp://:PORT");
  };
  HealthCheck health;
  std::string rest;
  if (url.starts_with("http://:")) {
    health.type = HealthType::Http;
    rest = url.substr(8);
  } else if (url.starts_with("tcp://:")) {
    health.type = HealthType::Tcp;
    rest = url.substr(7);
  } else {
    throw bad("it starts with neither 'http://:' nor 'tcp://:'");
  }
  const auto slash = rest.find('/');
  if (health.type == HealthType::Tcp && slash != std::string::npos)
    throw bad("a TCP check has no path");
  const std::string digits = rest.substr(0, slash);
  if (digits.empty())
    throw bad("it names no port");
  health.port = parse_port_number(digits, digits);
  if (health.type == HealthType::Http)
    health.path = slash == std::string::npos ? "/" : rest.substr(slash);
  const auto unprintable = [](unsigned char c) { return c <= ' ' || c >= 127; };
  if (std::any_of(health.path.begin(), health.path.end(), unprintable))
    throw bad("the path has a space or an unprintable character");
  return health;
}

std::string to_string(const HealthCheck& health) {
  switch (health.type) {
    case HealthType::Http:
      return fmt::format("http://:{}{}", health.port, health.path);
    case HealthType::Tcp:
      return fmt::format("tcp://:{}", health.port);
    case HealthType::None:
      break;
  }
  return {};
}

std::uint64_t parse_size(const std::string& text) {
  double number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::uint64_t unit = unit_of(std::string(end, text.data() + text.size()));
  const bool good = problem == std::errc{} && unit != 0 && std::isfinite(number) &&
                    number * static_cast<double>(unit) >= 1 && number * static_cast<double>(unit) < 0x1p60;
  if (!good)
    throw invalid(fmt::format("invalid size '{}'", text),
                  "write a number with K, M, G or T (powers of 1024), like 512M");
  return static_cast<std::uint64_t>(std::llround(number * static_cast<double>(unit)));
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  double number = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (number >= 1024 && unit + 1 < units.size()) {
    number /= 1024;
    ++unit;
  }
  const bool whole = number == std::floor(number) || number >= 100;
  return fmt::format("{:.{}f} {}", number, whole ? 0 : 1, units[unit]);
}

std::vector<Port> read_ports(Fields& fields) {
  std::vector<Port> ports;
  for (const auto& text : fields.strings("ports")) {
    try {
      ports.push_back(parse_port(text));
    } catch (const support::Error& error) {
      fields.fail("ports", error.what(), error.hint());
    }
    if (std::count(ports.begin(), ports.end(), ports.back()) > 1)
      fields.fail("ports", fmt::format("port {} is given twice", to_string(ports.back())));
  }
  return ports;
}

HealthCheck read_health(Fields& fields, const std::vector<Port>& ports) {
  HealthCheck health;
  try {
    health = parse_health(fields.string("health", ""));
  } catch (const support::Error& error) {
    fields.fail("health", error.what(), error.hint());
  }
  const Port checked{health.port, Protocol::Tcp};
  if (health.type != HealthType::None && std::count(ports.begin(), ports.end(), checked) == 0)
    fields.fail("health", fmt::format("port {} is not among the ports", health.port), "add it to the ports");
  return health;
}

}  // namespace vmimage::recipe
