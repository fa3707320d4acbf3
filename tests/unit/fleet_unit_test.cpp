#include <gtest/gtest.h>

#include "service/unit.hpp"

namespace vmfleet::service {
namespace {

TEST(FleetUnit, OfAUser) {
  EXPECT_EQ(
      "# Written by 'vmfleet install'; 'vmfleet uninstall' removes it.\n"
      "[Unit]\n"
      "Description=orders, a fleet of virtual machines\n"
      "Documentation=man:vmfleet(1)\n"
      "ConditionPathExists=/home/me/.local/state/vmfleet/orders/state.json\n"
      "StartLimitIntervalSec=0\n"
      "\n"
      "[Service]\n"
      "Environment=\"XDG_STATE_HOME=/home/me/.local/state\"\n"
      "ExecStart=\"/usr/bin/vmfleet\" supervise --replace \"orders\"\n"
      "# At shutdown the machines are powered off; else they and the balancer outlive the supervisor.\n"
      "ExecStop=\"/usr/bin/vmfleet\" supervise --at-shutdown=user \"orders\"\n"
      "KillMode=process\n"
      "TimeoutStopSec=120\n"
      "Restart=on-failure\n"
      "RestartSec=1\n"
      "\n"
      "[Install]\n"
      "WantedBy=default.target\n",
      to_text({.fleet = "orders",
               .program = "/usr/bin/vmfleet",
               .state = "/home/me/.local/state/vmfleet/orders/state.json",
               .environment = {{"XDG_STATE_HOME", "/home/me/.local/state"}}}));
  EXPECT_EQ("vmfleet-orders.service", unit_name("orders"));
}

TEST(FleetUnit, OfTheMachineWaitsForItsNetwork) {
  const auto text = to_text({.fleet = "orders", .manager = Manager::System, .program = "/v", .state = "/s"});
  EXPECT_NE(std::string::npos, text.find("\nAfter=network-online.target\n"));
  EXPECT_NE(std::string::npos, text.find("--at-shutdown=system"));
  EXPECT_NE(std::string::npos, text.find("\nWantedBy=multi-user.target\n"));
}

TEST(FleetUnit, NamesMayHaveWhatSystemdGivesAMeaning) {
  const auto text = to_text({.fleet = "a",
                             .program = "/my \"$HOME\" 5%/vmfleet",
                             .state = "/5% $x",
                             .environment = {{"K", "a\\b $c \"d\" 5%\ne"}}});
  EXPECT_NE(std::string::npos, text.find("\nExecStart=\"/my \\\"$$HOME\\\" 5%%/vmfleet\" supervise"));
  EXPECT_NE(std::string::npos, text.find("\nConditionPathExists=/5%% $x\n"));
  EXPECT_NE(std::string::npos, text.find("\nEnvironment=\"K=a\\\\b $c \\\"d\\\" 5%%\\ne\"\n"));
}

}  // namespace
}  // namespace vmfleet::service
