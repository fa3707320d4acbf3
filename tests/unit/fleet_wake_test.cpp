// What ends a supervisor's wait.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "supervisor/wake.hpp"

namespace vmfleet::supervisor {
namespace {

bool rung(const Wake& wake, int milliseconds) {
  pollfd poll_it{wake.fd(), POLLIN, 0};
  return ::poll(&poll_it, 1, milliseconds) == 1;
}

/// A process that ends when the pipe is closed.
pid_t start(int read_end, int write_end) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(write_end);
    char byte = 0;
    [[maybe_unused]] const auto got = ::read(read_end, &byte, 1);
    ::_exit(0);
  }
  return child;
}

TEST(Wake, IsRungFromAnotherThreadUntilItIsCleared) {
  const Wake wake;
  EXPECT_FALSE(rung(wake, 0));
  std::thread([&] { wake.ring(); }).join();
  EXPECT_TRUE(rung(wake, 0));
  wake.clear();
  EXPECT_FALSE(rung(wake, 0));
}

TEST(Wake, IsRungOnceWhenAProcessEnds) {
  const Wake wake;
  std::array<int, 2> ends{};
  ASSERT_EQ(0, ::pipe(ends.data()));
  const pid_t child = start(ends[0], ends[1]);
  wake.ring_at_end_of(child);
  EXPECT_FALSE(rung(wake, 0));
  ::close(ends[1]);
  EXPECT_TRUE(rung(wake, 60'000));
  wake.clear();
  EXPECT_FALSE(rung(wake, 0));
  ::waitpid(child, nullptr, 0);
  wake.ring_at_end_of(child);  // it is gone
  EXPECT_FALSE(rung(wake, 0));
  ::close(ends[0]);
}

}  // namespace
}  // namespace vmfleet::supervisor
