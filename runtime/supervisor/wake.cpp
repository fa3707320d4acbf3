#include "supervisor/wake.hpp"

#include <sys/eventfd.h>

#include <cstdint>

#include "support/error.hpp"

namespace vmfleet::supervisor {

Wake::Wake() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_.open())
    vmimage::support::throw_errno("create an event");
}

void Wake::ring() const {
  ::eventfd_write(event_.fd, 1);
}

void Wake::clear() const {
  std::uint64_t count = 0;
  ::eventfd_read(event_.fd, &count);
}

}  // namespace vmfleet::supervisor
