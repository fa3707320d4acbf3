// What QEMU says of a machine that does not run.

#include <gtest/gtest.h>

#include "machine/run_state.hpp"

namespace vmimage::machine {
namespace {

TEST(MachineRunState, OneThatRunsIsNotHalted) {
  EXPECT_FALSE(parse_run_state("running"));
}

TEST(MachineRunState, SomeNeverComeBack) {
  for (const auto* status : {"guest-panicked", "internal-error", "shutdown", "watchdog"})
    EXPECT_TRUE(parse_run_state(status).value().final) << status;
  EXPECT_EQ("its kernel panicked", parse_run_state("guest-panicked")->cause);
}

TEST(MachineRunState, OthersMay) {
  for (const auto* status : {"paused", "inmigrate", "postmigrate", "what is yet to be invented"}) {
    const auto halt = parse_run_state(status);
    EXPECT_FALSE(halt.value().final) << status;
    EXPECT_NE(std::string::npos, halt->cause.find(status));
    EXPECT_FALSE(halt->full);
  }
  EXPECT_TRUE(parse_run_state("io-error")->full);
  EXPECT_FALSE(parse_run_state("io-error")->final);
}

}  // namespace
}  // namespace vmimage::machine
