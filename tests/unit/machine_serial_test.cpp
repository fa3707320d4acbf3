#include <gtest/gtest.h>

#include "machine/serial.hpp"

namespace vmimage::machine {
namespace {

TEST(MachineSerial, LastLines) {
  EXPECT_EQ(last_lines("", 3), "");
  EXPECT_EQ(last_lines("one\r\ntwo\r\nthree\r\n\r\n", 2), "two\nthree");
  EXPECT_EQ(last_lines("one\ntwo", 5), "one\ntwo");
  EXPECT_EQ(last_lines("\x1b[2J\x1b[0mstart\x1b"
                       "c\n\x1b[?7lon\x07\n",
                       5),
            "start\non");
}

TEST(MachineSerial, KeepsTextAroundSequencesThatDoNotEnd) {
  EXPECT_EQ(without_control("a\x1b[12;3"), "a[12;3");
  EXPECT_EQ(without_control("a\x1b\nb"), "a\nb");
  EXPECT_EQ(without_control("a\x1b"), "a");
}

TEST(MachineSerial, TakesAnyLength) {
  const std::string digits(8 << 20, '1');  // as a recursive match would not: one line can be as long as a log
  EXPECT_EQ(without_control("a\x1b[" + digits + "mb"), "ab");
  EXPECT_EQ(without_control("\x1b[" + digits).size(), digits.size() + 1);
}

}  // namespace
}  // namespace vmimage::machine
