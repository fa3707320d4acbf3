// What a machine's process is given of the host.

#include <gtest/gtest.h>
#include <unistd.h>

#include "driver/local/confine.hpp"
#include "driver/local/isolation.hpp"

namespace vmfleet::driver {
namespace {

using Words = std::vector<std::string>;
using Paths = std::vector<fs::path>;

TEST(FleetConfine, CommandLine) {
  EXPECT_EQ((Words{"/proc/self/exe", "confine", "--read", "/a b", "--write", "/c", "--write", "/d", "--user",
                   "7", "--", "qemu", "-x", "--", "y"}),
            confined({"qemu", "-x", "--", "y"}, {.read = {"/a b"}, .write = {"/c", "/d"}, .user = 7}));
  EXPECT_EQ((Words{"/proc/self/exe", "confine", "--", "qemu"}),
            confined({"qemu"}, {.read = {}, .write = {}, .user = 0}));
}

TEST(FleetConfine, EachMachineOfAFleetHasAUserOfItsOwn) {
  const fs::path fleet = "/state/vmfleet/orders";
  for (int number = 1; number <= 200; ++number) {
    const uid_t user = user_of(fleet, "orders-" + std::to_string(number));
    EXPECT_GE(user, 0x6FFE0000u);
    EXPECT_LT(user, 0x6FFF0000u) << "those are for provisioning";
    for (int other = number + 1; other < number + 128; ++other)
      EXPECT_NE(user, user_of(fleet, "orders-" + std::to_string(other)));
  }
  EXPECT_EQ(user_of(fleet, "orders-1"), user_of(fleet, "orders-129")) << "the numbers come round";
  EXPECT_NE(user_of(fleet, "orders-1"), user_of("/state/vmfleet/other", "orders-1"));
}

TEST(FleetConfine, AMachineHasItsImageItsKernelAndItsFolders) {
  Launch launch;
  launch.id = "orders-3";
  launch.image = "/state/orders/images/abc/disk";
  launch.folder = "/state/orders/instances/orders-3";
  launch.socket = "/run/x/3/qmp";
  launch.log = "/state/orders/logs/orders-3.log";
  vmimage::machine::Machine vm;
  vm.kernel = vmimage::machine::DirectKernel{"/cache/kernel", {}, "/cache/initrd", "quiet"};
  const auto direct = confinement_of(launch, vm);
  EXPECT_EQ((Paths{"/state/orders/images/abc", "/cache/kernel", "/cache/initrd"}), direct.read);
  EXPECT_EQ((Paths{launch.folder, "/run/x/3", launch.log}), direct.write);
  EXPECT_EQ(::geteuid() == 0 ? user_of("/state/orders", "orders-3") : 0, direct.user);
  vm.data_disks = {{"/state/.volumes/orders/1/data.qcow2", "data"}};
  EXPECT_EQ((Paths{launch.folder, "/run/x/3", launch.log, vm.data_disks[0].file}),
            confinement_of(launch, vm).write);
  vm.firmware = vmimage::machine::Firmware::Uefi;
  vm.uefi_code = "/usr/share/OVMF/CODE.fd";
  EXPECT_EQ((Paths{"/state/orders/images/abc", "/usr/share/OVMF/CODE.fd"}), confinement_of(launch, vm).read);
}

}  // namespace
}  // namespace vmfleet::driver
