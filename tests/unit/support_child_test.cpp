// A program beside ours: its streams, its end, and that it goes with us.

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>

#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::support {
namespace {

using namespace std::chrono_literals;

TEST(Child, EndsByItself) {
  Child child({"sh", "-c", "exit 3"}, {});
  const auto result = child.wait(60s);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_status, 3);
  EXPECT_EQ(child.wait(0s)->exit_status, 3);  // asked again
}

TEST(Child, RunsOnWhileWeWait) {
  Child child({"sleep", "1000"}, {});
  EXPECT_FALSE(child.wait(1ms));
  pollfd ended{child.ended_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 0), 0);
  child.kill();
  EXPECT_EQ(child.wait(0s)->signal, SIGKILL);
  EXPECT_EQ(::poll(&ended, 1, 0), 1);
}

TEST(Child, IsKilledWithItsGroup) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  {
    // The grandchild holds the pipe open for as long as it lives.
    Child child({"sh", "-c", "sleep 1000 & echo x; wait"}, {.out = pipe[1]});
    ::close(pipe[1]);
    char byte = 0;
    ASSERT_EQ(::read(pipe[0], &byte, 1), 1);
    ASSERT_EQ(::read(pipe[0], &byte, 1), 1);
  }
  char byte = 0;
  EXPECT_EQ(::read(pipe[0], &byte, 1), 0);
  ::close(pipe[0]);
}

TEST(Child, StreamsAreThoseGiven) {
  std::array<int, 2> in{}, out{};
  ASSERT_EQ(::pipe(in.data()) + ::pipe(out.data()), 0);
  Child child({"cat"}, {.in = in[0], .out = out[1]});
  ::close(in[0]);
  ::close(out[1]);
  ASSERT_EQ(::write(in[1], "hello", 5), 5);
  ::close(in[1]);
  std::array<char, 16> bytes{};
  EXPECT_EQ(::read(out[0], bytes.data(), bytes.size()), 5);
  EXPECT_TRUE(child.wait(60s)->ok());
  ::close(out[0]);
}

TEST(Child, ProgramNotFound) {
  EXPECT_THROW(Child({"no-such-program-anywhere"}, {}), Error);
}

}  // namespace
}  // namespace vmimage::support
