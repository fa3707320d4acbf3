// What a snapshot fits, and who is resumed from it.

#include <gtest/gtest.h>

#include "driver/local/guest_line.hpp"
#include "driver/local/snapshot.hpp"
#include "support/file.hpp"

namespace vmfleet::driver {
namespace {

namespace machine = vmimage::machine;

Launch launch() {
  recipe::Manifest manifest;
  manifest.digest = "sha256:1";
  Launch launch;
  launch.id = "orders-3";
  launch.manifest = std::make_shared<recipe::Manifest>(manifest);
  launch.environment = {{"COLOR", "blue"}};
  launch.secrets = "/state/orders/secrets/1";
  launch.folder = "/state/orders/instances/orders-3";
  launch.socket = "/run/orders/3/qmp";
  launch.log = "/state/orders/logs/orders-3.log";
  return launch;
}

machine::Machine vm(const std::string& id) {
  machine::Machine vm;
  vm.name = id;
  vm.disk = "/state/orders/instances/" + id + "/disk.qcow2";
  vm.qmp_socket = "/run/orders/" + id + "/qmp";
  vm.guest_line = "/run/orders/" + id + "/guest";
  vm.serial_log = "/state/orders/logs/" + id;
  vm.serial_socket = "/run/orders/" + id + "/console";
  vm.settings = "/state/orders/instances/" + id + "/settings";
  vm.secrets = {{"key", "/state/orders/instances/" + id + "/secrets/key"}};
  vm.firmware = machine::Firmware::Bios;
  return vm;
}

TEST(FleetSnapshot, FitsAllThatDifferInNameAndFilesOnly) {
  Launch other = launch();
  other.id = "orders-4";
  other.folder = "/state/orders/instances/orders-4";
  EXPECT_EQ(snapshot_name(launch(), vm("orders-3")), snapshot_name(other, vm("orders-4")));
}

TEST(FleetSnapshot, FitsNoneWithOtherSettingsSecretsImageOrNetwork) {
  const std::string name = snapshot_name(launch(), vm("orders-3"));
  Launch other = launch();
  other.environment["COLOR"] = "green";
  EXPECT_NE(snapshot_name(other, vm("orders-3")), name);
  other = launch();
  other.environment["SHAPE"] = "round";
  EXPECT_NE(snapshot_name(other, vm("orders-3")), name);
  other = launch();
  other.secrets = "/state/orders/secrets/2";
  EXPECT_NE(snapshot_name(other, vm("orders-3")), name);
  other = launch();
  other.host_loopback = true;
  EXPECT_NE(snapshot_name(other, vm("orders-3")), name);
  other = launch();
  other.bridge = "br0";
  EXPECT_NE(snapshot_name(other, vm("orders-3")), name);
  other = launch();
  recipe::Manifest manifest;
  manifest.digest = "sha256:2";
  other.manifest = std::make_shared<recipe::Manifest>(manifest);
  EXPECT_NE(snapshot_name(other, vm("orders-3")), name);
}

TEST(FleetSnapshot, FitsNoneOfAnotherSizeOrKindOfMachine) {
  const std::string name = snapshot_name(launch(), vm("orders-3"));
  machine::Machine other = vm("orders-3");
  other.size.memory *= 2;
  EXPECT_NE(snapshot_name(launch(), other), name);
  other = vm("orders-3");
  other.ipv6 = !other.ipv6;
  EXPECT_NE(snapshot_name(launch(), other), name);
  other = vm("orders-3");
  other.accelerator = machine::Accelerator::Kvm;
  EXPECT_NE(snapshot_name(launch(), other), name);
  other = vm("orders-3");
  other.forwards.push_back({.guest = {8080, recipe::Protocol::Tcp}});
  EXPECT_NE(snapshot_name(launch(), other), name);
}

TEST(FleetSnapshot, ItsMachineHasANameAndFilesOfItsOwn) {
  const Snapshot snapshot{"/state/orders/snapshots/1.part"};
  const Launch donor = donor_of(launch(), snapshot);
  EXPECT_EQ(donor.id, "orders-0");
  EXPECT_EQ(donor.folder, "/state/orders/instances/orders-0");
  EXPECT_EQ(donor.socket, "/run/orders/0/qmp");
  EXPECT_EQ(donor.log, "/state/orders/snapshots/1.part/console.log");
  EXPECT_EQ(donor.environment, launch().environment);
}

TEST(FleetSnapshot, IdentityIsOneLine) {
  Identity identity{.host = "orders-3",
                    .mac = {0x52, 0x54, 0, 0x0a, 0xb0, 0xff},
                    .time = std::chrono::nanoseconds(1'700'000'000'000'000'012)};
  identity.seed[0] = 0xab;
  identity.seed[31] = 0x01;
  EXPECT_EQ(identity_line(identity),
            "identity orders-3 5254000ab0ff 1700000000 12 ab" + std::string(60, '0') + "01");
  identity.renew = true;
  EXPECT_TRUE(identity_line(identity).ends_with("01 renew"));
}

TEST(FleetSnapshot, AGuestsAddressIsAnAnswerOrNone) {
  EXPECT_EQ("192.0.2.1", parse_address("address 192.0.2.1"));
  EXPECT_EQ("", parse_address("address none"));
  EXPECT_EQ("", parse_address("address 192.0.2.1; drop"));
  EXPECT_EQ(std::nullopt, parse_address("failed: no such order"));
  EXPECT_EQ(std::nullopt, parse_address("address"));
  EXPECT_EQ(std::nullopt, parse_address(""));
}

TEST(FleetSnapshot, NoTwoIdentitiesAreTheSame) {
  const Identity one = new_identity("a"), two = new_identity("a");
  EXPECT_NE(one.mac, two.mac);
  EXPECT_NE(one.seed, two.seed);
  EXPECT_EQ("52:54:00", to_string(one.mac).substr(0, 8));
  EXPECT_EQ(one.mac[0] & 3, 2) << "locally administered, and no group's";
}

}  // namespace
}  // namespace vmfleet::driver
