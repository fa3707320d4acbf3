#include "supervisor/wake.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "support/error.hpp"

namespace vmfleet::supervisor {

namespace {

bool add(int all, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return ::epoll_ctl(all, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

Wake::Wake() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), all_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!event_.open() || !all_.open() || !add(all_.fd, event_.fd))
    vmimage::support::throw_errno("create an event");
}

void Wake::ring() const {
  ::eventfd_write(event_.fd, 1);
}

void Wake::ring_at_end_of(pid_t process) const {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
  if (fd >= 0 && !add(all_.fd, fd))
    ::close(fd);
}

void Wake::clear() const {
  std::array<epoll_event, 16> rung;  // what does not fit rings again
  const int number = ::epoll_wait(all_.fd, rung.data(), static_cast<int>(rung.size()), 0);
  for (int i = 0; i < number; ++i) {
    const int fd = rung.at(static_cast<std::size_t>(i)).data.fd;
    std::uint64_t count = 0;
    if (fd == event_.fd)
      ::eventfd_read(fd, &count);
    else
      ::close(fd);  // its process has ended
  }
}

}  // namespace vmfleet::supervisor
