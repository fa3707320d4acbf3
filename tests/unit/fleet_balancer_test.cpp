// HAProxy's configuration and commands as text; the configuration is also shown to HAProxy where there is
// one.

#include <gtest/gtest.h>

#include "balancer/balancer.hpp"
#include "balancer/config.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmfleet::balancer {
namespace {

namespace support = vmimage::support;

Config config(const std::string& health) {
  return {.fleet = "orders",
          .listeners = {{8080, 20001}, {9090, 20002}},
          .health = recipe::parse_health(health),
          .socket = "/run/a fleet's/balancer"};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(FleetBalancer, TheHttpPortIsHttpAndOthersAreNot) {
  const std::string text = to_text(config("http://:8080/healthz?full=1"));
  EXPECT_TRUE(has(text, "frontend front-8080\n  mode http\n  bind 127.0.0.1:20001\n"));
  EXPECT_TRUE(has(text, "frontend front-9090\n  mode tcp\n  bind 127.0.0.1:20002\n"));
  EXPECT_TRUE(has(text, "uri '/healthz?full=1' "));
  EXPECT_TRUE(has(text, "\n  noreuseport\n")) << "two balancers would share a port";
  EXPECT_FALSE(has(text, "user nobody"));
  EXPECT_FALSE(has(text, "[::1]"));
}

TEST(FleetBalancer, HaProxyTakesTheConfiguration) {
  if (support::find_program("haproxy").empty())
    GTEST_SKIP() << "haproxy is missing";
  const support::TempDir folder;
  const Route ready{Mode::Ready, {{8080, 41000}, {9090, 41001}}};
  for (const std::string health : {"http://:8080/", "http://:8080/a%20b?c='d'&e=\"#$\\", "tcp://:9090", ""})
    for (const bool root : {false, true}) {
      Config one = config(health);
      one.drop_privileges = root;
      one.ipv6 = root;
      if (root)
        one.routes = {{1, ready}, {3, ready}, {4, {Mode::Drain, ready.ports}}, {kSlots, ready}};
      support::write_file_atomic(folder.path() / "haproxy.cfg", to_text(one));
      const auto result = support::run({.argv = {"haproxy", "-c", "-f", folder.path() / "haproxy.cfg"}});
      EXPECT_TRUE(result.ok()) << health << "\n" << result.err << result.out;
      EXPECT_FALSE(has(result.err, "WARNING")) << result.err;
    }
}

TEST(FleetBalancer, OnBothLoopbackAddressesWhereThatIsAskedFor) {
  Config one = config("http://:8080/");
  one.ipv6 = true;
  EXPECT_TRUE(has(to_text(one), "  bind 127.0.0.1:20001\n  bind [::1]:20001\n"));
  EXPECT_TRUE(has(to_text(one), "  bind 127.0.0.1:20002\n  bind [::1]:20002\n"));
}

TEST(FleetBalancer, ServersThatAreReadyAreThereFromTheStart) {
  Config one = config("http://:8080/");
  one.routes = {{2, {Mode::Ready, {{8080, 41000}}}}, {3, {Mode::Drain, {{8080, 41001}}}}};
  const std::string text = to_text(one);
  EXPECT_TRUE(has(text,
                  "  server-template instance 1-1 127.0.0.1:1 disabled check inter 2s fall 2 rise 1\n"
                  "  server instance2 127.0.0.1:41000 check inter 2s fall 2 rise 1\n"
                  "  server-template instance 3-256 127.0.0.1:1 disabled check inter 2s fall 2 rise 1\n"));
  EXPECT_TRUE(has(text, "  server-template instance 1-256 127.0.0.1:1 disabled\n")) << "of the other port";
}

TEST(FleetBalancer, AnInstanceMayHaveAnAddressOfItsOwn) {
  const Route route{Mode::Ready, {{8080, 8080}}, "192.0.2.7"};
  EXPECT_EQ("set server port-8080/instance3 addr 192.0.2.7 port 8080",
            commands(3, route, {{8080, 20001}}, "127.0.0.1")[0]);
  Config one = config("http://:8080/");
  one.routes = {{1, route}};
  EXPECT_TRUE(has(to_text(one), "  server instance1 192.0.2.7:8080 check"));
}

TEST(FleetBalancer, CommandsSetEveryPortOfASlot) {
  const std::vector<Listener> listeners{{8080, 20001}, {9090, 20002}};
  const Route route{Mode::Ready, {{8080, 41000}, {9090, 41001}}};
  EXPECT_EQ((std::vector<std::string>{"set server port-8080/instance3 addr 127.0.0.1 port 41000",
                                      "set server port-8080/instance3 state ready",
                                      "set server port-9090/instance3 addr 127.0.0.1 port 41001",
                                      "set server port-9090/instance3 state ready"}),
            commands(3, route, listeners, "127.0.0.1"));
  EXPECT_EQ("set server port-8080/instance3 state drain",
            commands(3, {Mode::Drain, route.ports}, listeners, "127.0.0.1")[1]);
  EXPECT_EQ("set server port-8080/instance3 state maint", commands(3, {}, listeners, "127.0.0.1")[0]);
}

TEST(FleetBalancer, StatisticsAreOfASlotInAllBackendsOrInTheMainOne) {
  const auto statistics = parse_statistics(
      "# pxname,svname,qcur,scur,stot,econ,eresp,hrsp_2xx,hrsp_5xx,rtime,mode,\n"
      "port-8080,instance1,0,2,9,1,2,7,4,25,http,\n"
      "port-9090,instance1,0,1,50,,,,,,tcp,\n"
      "port-8080,instance12,,0,0,0,0,0,0,0,http,\n"
      "port-8080,BACKEND,0,9,9,0,0,7,4,25,http,\n"
      "short\n\n",
      8080);
  ASSERT_EQ(2u, statistics.size());
  EXPECT_EQ((ServerStatistics{.connections = 3, .requests = 11, .errors = 7, .response_ms = 25}),
            statistics.at(1));
  EXPECT_EQ(ServerStatistics{}, statistics.at(12));
}

TEST(FleetBalancer, WithoutHttpARequestIsAConnection) {
  const auto statistics =
      parse_statistics("# pxname,svname,scur,stot,econ,eresp,mode,\nport-53,instance1,1,50,2,0,tcp,\n", 53);
  EXPECT_EQ((ServerStatistics{.connections = 1, .requests = 50, .errors = 2}), statistics.at(1));
}

TEST(FleetBalancer, ASlotThatNobodyHasIsLeftOut) {
  const auto statistics = parse_statistics(
      "# pxname,svname,status,stot,mode,\nport-53,instance1,MAINT,50,tcp,\nport-53,instance2,DRAIN,7,tcp,\n",
      53);
  EXPECT_FALSE(statistics.contains(1));
  EXPECT_EQ(7u, statistics.at(2).requests);
}

TEST(FleetBalancer, RefusalsAreTold) {
  EXPECT_TRUE(is_refusal("No such server.\n"));
  EXPECT_TRUE(is_refusal("Unknown command: 'sett'\n"));
  EXPECT_FALSE(is_refusal("\n\n"));
  EXPECT_FALSE(
      is_refusal("IP changed from '127.0.0.1' to '127.0.0.1', port changed from '1' to '5', by 'stats socket "
                 "command'\n"));
  EXPECT_FALSE(is_refusal("no need to change the addr, no need to change the port\n"));
}

TEST(FleetBalancer, PortsAreKeptForANameWhereTheyAreFree) {
  const auto port = choose_port("a fleet");
  EXPECT_GE(port, 20000);
  EXPECT_LT(port, 32768);
  EXPECT_TRUE(is_free(port));
}

TEST(FleetBalancer, TellsWhoDrainsAndWhoAnswers) {
  // HAProxy 2.6: one that answers, one that drains and is down, one that is down, one that is off.
  const std::string statistics =
      "# "
      "pxname,svname,scur,stot,econ,eresp,status,lastchg,check_status,hrsp_2xx,hrsp_5xx,check_desc,check_"
      "rise,check_fall,check_health,addr,mode,rtime\n"
      "port-8080,instance1,0,0,0,0,UP,3,L7OK,0,0,Layer7 check passed,1,3,3,127.0.0.1:18099,http,0\n"
      "port-8080,instance2,0,0,0,0,DOWN,4,L4CON,0,0,Layer4 connection problem,1,3,0,127.0.0.1:18098,http,0\n"
      "port-8080,instance3,0,0,0,0,DOWN,5,L4CON,0,0,Layer4 connection problem,1,3,0,127.0.0.1:18097,http,0\n"
      "port-8080,instance4,0,0,0,0,MAINT,5,,0,0,,,,,0.0.0.0:1,http,0\n";
  const std::string state =
      "1\n"
      "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
      "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
      "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port "
      "srv_check_addr srv_agent_addr srv_agent_port\n"
      "4 port-8080 1 instance1 127.0.0.1 2 4 1 1 3 15 3 3 6 0 0 0 - 18099 - 0 0 - - 0\n"
      "4 port-8080 2 instance2 127.0.0.1 0 12 1 1 4 8 2 0 6 0 0 0 - 18098 - 0 0 - - 0\n"
      "4 port-8080 3 instance3 127.0.0.1 0 4 1 1 5 8 2 0 6 0 0 0 - 18097 - 0 0 - - 0\n"
      "4 port-8080 4 instance4 0.0.0.0 0 5 1 1 5 1 0 0 14 0 0 0 - 1 - 0 0 - - 0\n";
  const auto servers = parse_servers(statistics, state, 8080);
  ASSERT_EQ(3u, servers.size());
  EXPECT_EQ("127.0.0.1:18099", servers[0].address);
  EXPECT_TRUE(servers[0].healthy);
  EXPECT_EQ(Mode::Ready, servers[0].mode);
  EXPECT_EQ(2, servers[1].slot);
  EXPECT_EQ(Mode::Drain, servers[1].mode);
  EXPECT_FALSE(servers[1].healthy);
  EXPECT_EQ("Layer4 connection problem", servers[1].problem);
  EXPECT_EQ(Mode::Ready, servers[2].mode);
  EXPECT_TRUE(parse_servers(statistics, state, 9090).empty());
}

}  // namespace
}  // namespace vmfleet::balancer
