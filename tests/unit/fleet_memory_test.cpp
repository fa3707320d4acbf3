// Whether a machine has the memory that a fleet asks for.

#include <gtest/gtest.h>

#include "fleet/memory.hpp"
#include "support/error.hpp"

namespace vmfleet::fleet {
namespace {

using vmimage::support::Error;

constexpr std::uint64_t kGiB = 1ull << 30;

TEST(FleetMemory, WhatIsAvailableIsRead) {
  EXPECT_EQ(24060796ull << 10,
            available_memory(
                "MemTotal:       24684084 kB\nMemFree:        18310420 kB\nMemAvailable:   24060796 kB\n"
                "Buffers:          104576 kB\n"));
  EXPECT_THROW(available_memory(""), Error);
  EXPECT_THROW(available_memory("MemAvailable: much kB\n"), Error);
}

TEST(FleetMemory, MoreThanThereIsIsRefused) {
  Spec spec;
  spec.name = "orders";
  EXPECT_NO_THROW(require_memory(spec, 8, {1, kGiB}, 8 * kGiB, 0));
  EXPECT_NO_THROW(require_memory(spec, 8, {1, kGiB}, 7 * kGiB, kGiB)) << "what its instances have counts";
  EXPECT_NO_THROW(require_memory(spec, 0, {1, kGiB}, 0, 0));
  try {
    require_memory(spec, 100, {1, kGiB / 2}, 8 * kGiB - 1, 100 << 20);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(2, error.exit_status());
    EXPECT_STREQ(
        "'orders' asks for more memory than there is: 100 × 512 MiB is 50 GiB, and this machine has 8.1 GiB "
        "for it",
        error.what());
  }
  spec.overcommit = true;
  EXPECT_NO_THROW(require_memory(spec, 100, {1, kGiB}, kGiB, 0));
}

}  // namespace
}  // namespace vmfleet::fleet
