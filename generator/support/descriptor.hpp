#pragma once
// An open file, closed at the end of its scope.

#include <unistd.h>

#include <utility>

namespace vmimage::support {

/// Errors of closing are not told: where they matter, fsync(2) comes first.
struct Descriptor {
  int fd = -1;

  Descriptor() = default;
  explicit Descriptor(int opened) : fd(opened) {}
  Descriptor(Descriptor&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd, other.fd);
    return *this;
  }
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
  bool open() const { return fd >= 0; }
};

}  // namespace vmimage::support
