// Whether this machine has IPv6.

#include <gtest/gtest.h>

#include "driver/local/network.hpp"

namespace vmfleet::driver {
namespace {

const std::string kLoopback = "00000000000000000000000000000001 01 80 10 80       lo\n";
const std::string kLink = "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n";
const std::string kGlobal = "fd000000000000000000000000000002 04 40 00 80     eth0\n";

TEST(FleetNetwork, AnAddressThatReachesBeyondItsLink) {
  EXPECT_FALSE(parse_ipv6(""));
  EXPECT_FALSE(parse_ipv6(kLoopback + kLink));
  EXPECT_TRUE(parse_ipv6(kLoopback + kGlobal + kLink));
  EXPECT_FALSE(parse_ipv6("fd000000000000000000000000000002 01 40 00 80       lo\n"));
}

}  // namespace
}  // namespace vmfleet::driver
