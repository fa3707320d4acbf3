// The choice of an accelerator, as far as it is the environment's.

#include <gtest/gtest.h>

#include <cstdlib>

#include "machine/accelerator.hpp"
#include "support/error.hpp"

namespace vmimage::machine {
namespace {

TEST(Acceleration, EnvironmentOverrides) {
  ::setenv("VMIMAGE_ACCEL", "tcg", 1);
  EXPECT_EQ(probe_acceleration().kind, Accelerator::Tcg);
  ::setenv("VMIMAGE_ACCEL", "kvm", 1);
  EXPECT_EQ(probe_acceleration().kind, Accelerator::Kvm);
  ::setenv("VMIMAGE_ACCEL", "xen", 1);
  EXPECT_THROW(probe_acceleration(), support::Error);
  ::unsetenv("VMIMAGE_ACCEL");
}

}  // namespace
}  // namespace vmimage::machine
