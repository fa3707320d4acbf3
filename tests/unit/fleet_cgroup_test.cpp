// How a machine's process is held to its size: the texts. What the kernel makes of them:
// tests/fleet/faults/cgroup.cpp.

#include <gtest/gtest.h>

#include "driver/local/cgroup.hpp"

namespace vmfleet::driver {
namespace {

using vmimage::machine::Accelerator;

TEST(FleetCgroup, LimitsAreTheSizeAndWhatQemuNeeds) {
  const vmimage::recipe::Size size{.cpus = 2, .memory = 512ull << 20};
  EXPECT_EQ("225000 100000", cpu_limit(size));
  EXPECT_EQ(std::to_string((512ull + 128) << 20), memory_limit(size, Accelerator::Kvm));
  EXPECT_EQ(std::to_string((512ull + 128 + 256) << 20), memory_limit(size, Accelerator::Tcg));
}

TEST(FleetCgroup, FileSystemOfVersion2) {
  const std::string first =
      "29 23 0:26 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu\n"
      "30 23 0:27 / /sys/fs/cgroup/unified rw,relatime shared:10 - cgroup2 cgroup2 rw\n";
  EXPECT_EQ("/sys/fs/cgroup/unified", parse_cgroup_mount(first));
  EXPECT_EQ("/sys/fs/cgroup", parse_cgroup_mount("30 23 0:27 / /sys/fs/cgroup rw - cgroup2 none rw\n"));
  EXPECT_EQ("", parse_cgroup_mount("30 23 0:27 / /cgroup2 rw - tmpfs cgroup2 rw\n"));
}

TEST(FleetCgroup, PathOfAProcess) {
  EXPECT_EQ("/user.slice/a b.scope", parse_cgroup("4:memory:/x\n0::/user.slice/a b.scope\n"));
  EXPECT_EQ("/", parse_cgroup("0::/\n"));
  EXPECT_EQ("", parse_cgroup("4:memory:/x\n"));
}

}  // namespace
}  // namespace vmfleet::driver
