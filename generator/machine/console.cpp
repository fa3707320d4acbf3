#include "machine/console.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "machine/terminal.hpp"
#include "support/error.hpp"

namespace vmimage::machine {

namespace {

void close_one(int& fd) {
  if (fd >= 0)
    ::close(fd);
  fd = -1;
}

}  // namespace

Console::Console() {
  if (::pipe2(to_guest_, O_CLOEXEC) != 0 || ::pipe2(from_guest_, O_CLOEXEC) != 0)
    support::throw_errno("create a pipe");
  ::fcntl(to_guest_[1], F_SETFL, O_NONBLOCK);
  ::fcntl(from_guest_[0], F_SETFL, O_NONBLOCK);
}

Console::~Console() {
  for (int* fd : {&to_guest_[0], &to_guest_[1], &from_guest_[0], &from_guest_[1]})
    close_one(*fd);
}

support::Child::Streams Console::streams() const {
  return {.in = to_guest_[0], .out = from_guest_[1]};
}

void Console::read_terminal() {
  const Typed typed = read_typed();
  typing_ = typing_ && !typed.ended;
  left_ = typed.left;
  typed_ += typed.text;
}

void Console::write_guest() {
  const auto written = ::write(to_guest_[1], typed_.data(), typed_.size());
  if (written > 0)
    typed_.erase(0, static_cast<std::size_t>(written));
  else if (written < 0 && errno != EAGAIN && errno != EINTR)
    typed_.clear();  // QEMU is ending
}

/// False when there is nothing to read now.
bool Console::copy_output() {
  std::array<char, 65536> bytes;
  const auto got = ::read(from_guest_[0], bytes.data(), bytes.size());
  if (got == 0)
    close_one(from_guest_[0]);
  if (got <= 0)
    return false;
  write_out({bytes.data(), static_cast<std::size_t>(got)});
  return true;
}

Console::End Console::run(support::Child& qemu) {
  close_one(to_guest_[0]);
  close_one(from_guest_[1]);
  const RawTerminal raw;
  while (!left_) {
    const bool pending = !typed_.empty();
    std::array<pollfd, 5> polls{pollfd{typing_ && !pending ? STDIN_FILENO : -1, POLLIN, 0},
                                pollfd{pending ? to_guest_[1] : -1, POLLOUT, 0},
                                pollfd{from_guest_[0], POLLIN, 0}, pollfd{qemu.ended_fd(), POLLIN, 0},
                                pollfd{support::interrupt_fd(), POLLIN, 0}};
    if (::poll(polls.data(), polls.size(), -1) < 0 && errno != EINTR)
      support::throw_errno("wait for the console");
    support::check_interrupt();
    if (polls[0].revents)
      read_terminal();
    if (polls[1].revents)
      write_guest();
    if (polls[2].revents)
      copy_output();
    if (polls[3].revents) {
      while (copy_output()) {
      }
      return End::Machine;
    }
  }
  return End::User;
}

}  // namespace vmimage::machine
