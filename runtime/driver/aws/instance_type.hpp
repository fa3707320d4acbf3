#pragma once
// Which instance type a fleet runs on. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "recipe/service.hpp"

namespace vmfleet::driver::aws {

struct InstanceType {
  std::string name;
  int cpus = 0;
  std::uint64_t memory = 0;                     ///< bytes
  std::vector<std::string> architectures = {};  ///< "x86_64", "arm64"
  std::string hypervisor = {};                  ///< "nitro", "xen"
};

/// The smallest of a short list that is large enough. Throws Error{Usage} when none is.
std::string smallest_type(const vmimage::recipe::Size& size);

/// Throws Error{Usage} when instances of that size, of an image of ours, cannot run on it.
void check_type(const InstanceType& type, const vmimage::recipe::Size& size);

}  // namespace vmfleet::driver::aws
