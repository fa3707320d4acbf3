#include "driver/aws/instance_type.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/error.hpp"

namespace vmfleet::driver::aws {

namespace recipe = vmimage::recipe;
namespace support = vmimage::support;

namespace {

struct Candidate {
  const char* name;
  int cpus;
  std::uint64_t half_gigabytes;
};

/// Current generations that every region has, from the cheapest on: burstable ones where they are large
/// enough, then those with 2, 4 and 8 GiB for each processor.
constexpr Candidate kCandidates[] = {
    {"t3.nano", 2, 1},         {"t3.micro", 2, 2},       {"t3.small", 2, 4},        {"t3.medium", 2, 8},
    {"t3.large", 2, 16},       {"r6i.large", 2, 32},     {"c6i.xlarge", 4, 16},     {"m6i.xlarge", 4, 32},
    {"r6i.xlarge", 4, 64},     {"c6i.2xlarge", 8, 32},   {"m6i.2xlarge", 8, 64},    {"r6i.2xlarge", 8, 128},
    {"c6i.4xlarge", 16, 64},   {"m6i.4xlarge", 16, 128}, {"r6i.4xlarge", 16, 256},  {"c6i.8xlarge", 32, 128},
    {"m6i.8xlarge", 32, 256},  {"r6i.8xlarge", 32, 512}, {"c6i.16xlarge", 64, 256}, {"m6i.16xlarge", 64, 512},
    {"r6i.16xlarge", 64, 1024}};

constexpr std::uint64_t kHalfGigabyte = 512ull << 20;

bool has(const std::vector<std::string>& list, const std::string& word) {
  return std::ranges::find(list, word) != list.end();
}

std::string words(const recipe::Size& size) {
  return fmt::format("{} processor{} and {}", size.cpus, size.cpus == 1 ? "" : "s",
                     recipe::format_size(size.memory));
}

}  // namespace

std::string smallest_type(const recipe::Size& size) {
  for (const auto& one : kCandidates)
    if (one.cpus >= size.cpus && one.half_gigabytes * kHalfGigabyte >= size.memory)
      return one.name;
  throw support::invalid(fmt::format("no instance type is known here that has {}", words(size)),
                         "name one: --driver-opt instance_type=TYPE");
}

void check_type(const InstanceType& type, const recipe::Size& size) {
  if (!has(type.architectures, "x86_64"))
    throw support::invalid(fmt::format("the instance type {} is for {}, and the image for x86_64", type.name,
                                       fmt::join(type.architectures, ", ")),
                           "leave instance_type out for the smallest one that is large enough");
  if (type.hypervisor != "nitro" && !type.hypervisor.empty())
    throw support::invalid(
        fmt::format("instances of the type {} have no NVMe disks and no metadata that the image reads: it is "
                    "not of the Nitro system",
                    type.name),
        "take one of a later generation");
  if (type.cpus < size.cpus || type.memory < size.memory)
    throw support::invalid(fmt::format("the instance type {} is smaller than the {} that an instance needs",
                                       type.name, words(size)),
                           "take a larger one, or set --cpus and --memory");
}

}  // namespace vmfleet::driver::aws
