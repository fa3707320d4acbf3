// Whether this machine has IPv6; taps on its bridges.

#include <gtest/gtest.h>

#include "driver/local/bridge.hpp"
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

TEST(FleetNetwork, ATapThatIsRefusedSaysWhatToDo) {
  const auto advice = [](const char* refusal, bool root) { return advice_on_tap(refusal, "br0", root); };
  EXPECT_NE(std::string::npos, advice("access denied by acl file", true).find("'allow br0' in /etc/qemu"));
  EXPECT_NE(std::string::npos,
            advice("failed to parse default acl file `/etc/qemu/bridge.conf'", false).find("'allow br0'"));
  EXPECT_NE(std::string::npos,
            advice("failed to create tun device: Operation not permitted", false).find("chmod u+s"));
  EXPECT_NE(std::string::npos,
            advice("failed to create tun device: Operation not permitted", true).find("CAP_NET_ADMIN"));
  EXPECT_NE(std::string::npos,
            advice("failed to add interface `tap0' to bridge `br0': Operation not supported", true)
                .find("ip link show br0"));
}

TEST(FleetNetwork, AMachineInheritsItsTap) {
  EXPECT_EQ((std::vector<std::string>{"/proc/self/exe", "tap", "br0", "--", "qemu", "-m"}),
            with_tap("br0", {"qemu", "-m"}));
}

}  // namespace
}  // namespace vmfleet::driver
