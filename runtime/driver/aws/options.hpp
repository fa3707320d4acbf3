#pragma once
// What a spec's driver_options say to this driver. Pure.

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vmfleet::driver::aws {

enum class Balancer { Application, Network };
enum class Scheme { Internal, InternetFacing };

struct Options {
  std::string profile;                ///< of AWS's own tools; empty: what they take by themselves
  std::string region;                 ///< the same
  std::string instance_type;          ///< empty: the smallest that is large enough
  std::vector<std::string> subnets;   ///< empty: the default VPC's
  Scheme scheme = Scheme::Internal;   ///< who can reach the fleet's address
  std::optional<Balancer> balancer;   ///< nothing: by the image's protocol
  std::string certificate;            ///< ARN; the balancer speaks TLS with it. Empty: no TLS
  std::vector<std::string> readable;  ///< ARNs of the secrets that instances may read
};

/// Throws Error{Usage} for a key or a value that is not known.
Options read_options(const std::map<std::string, std::string>& options);

}  // namespace vmfleet::driver::aws
