#pragma once
// The fleet spec: what a fleet shall be, as JSON (docs/vmfleet.md, docs/fleet-spec.schema.json). Pure.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "fleet/autoscale.hpp"
#include "fleet/rollout.hpp"
#include "recipe/service.hpp"
#include "support/json.hpp"

namespace vmfleet::fleet {

namespace recipe = vmimage::recipe;

constexpr int kSpecVersion = 1;
constexpr int kMaximumCount = 100;

/// How instances are connected.
struct Network {
  bool host_loopback =
      false;                ///< they reach services on the loopback network of the machine that they run on
  bool ipv6 = false;        ///< the fleet's address is on ::1, too
  std::string bridge = {};  ///< they are on this bridge of that machine; empty: QEMU's user network
  bool operator==(const Network&) const = default;
};

struct Spec {
  std::string name;             ///< empty in a document that does not say: default_name()
  std::filesystem::path image;  ///< absolute once parsed
  int count = 1;
  std::map<std::string, std::string> environment = {};
  std::map<std::string, std::filesystem::path> secrets = {};  ///< name → file, absolute once parsed
  std::uint16_t port = 0;                                     ///< of the fleet's address; 0: a free one
  std::optional<int> cpus = {};                               ///< absent: what the image asks for
  std::optional<std::uint64_t> memory = {};                   ///< bytes; absent: what the image asks for
  Network network = {};
  bool warm = true;              ///< instances may be resumed from a snapshot of a healthy one
  int warm_pool = 0;             ///< instances that stand by, resumed and stopped, besides those that run
  bool overcommit = false;       ///< its instances may have more memory together than the machine
  std::string driver = "local";  ///< driver/drivers.cpp has those that there are
  std::map<std::string, std::string> driver_options = {};  ///< what they mean, the driver knows
  Rules rules = {};
  RolloutRules rollout = {};
  std::optional<Autoscale> autoscale = {};
  bool operator==(const Spec&) const = default;
};

/// Parses and checks one spec; a relative image is against `folder`. Throws Error{Usage} that starts with
/// `where`.
Spec parse_spec(const std::string& text, const std::string& where, const std::filesystem::path& folder);
std::string to_json(const Spec& spec);

/// One of the fleets of a document that describes several: a spec without version and name of its own.
Spec read_member(vmimage::support::Fields& fields, const std::string& name,
                 const std::filesystem::path& folder);

/// Whether a JSON document is a fleet spec, and not the manifest of an image.
bool is_spec(const std::string& text);

/// Throws Error{Usage} unless `name` can be the name of a fleet (it is part of host names and files).
void check_name(const std::string& name);
/// Throws Error{Usage} unless instances can be connected so.
void check_network(const Network& network);
/// A name made of what an image says its service is called.
std::string default_name(const std::string& service);

/// The size of the fleet's instances.
recipe::Size instance_size(const Spec& spec, const recipe::Size& image);

}  // namespace vmfleet::fleet
