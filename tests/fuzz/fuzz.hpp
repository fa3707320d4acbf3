#pragma once
// What every target here shares: an input is read, and either it is good or a support::Error says why not.
// Any other exception, and what the sanitizers see, ends the run (libFuzzer, "Fuzz Target").

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "filesystem/block_device.hpp"
#include "support/error.hpp"

namespace vmimage::fuzz {

inline std::string text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Runs `read`; whether the input was good.
template <typename Read>
bool accepted(Read read) {
  try {
    read();
    return true;
  } catch (const support::Error&) {
    return false;
  }
}

/// Ends the run when something that must hold does not.
inline void require(bool holds) {
  if (!holds)
    std::abort();
}

/// The input as a file in memory, for what reads files by their names.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    for (std::size_t done = 0; done < size;) {
      const auto put = ::write(fd_, data + done, size - done);
      require(put > 0);
      done += static_cast<std::size_t>(put);
    }
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

/// The input as a disk; what is written stays in memory.
class MemoryDisk : public filesystem::BlockDevice {
 public:
  MemoryDisk(const std::uint8_t* data, std::size_t size) : bytes_(text(data, size)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  void read(std::uint64_t offset, void* data, std::size_t size) override {
    check(offset, size);
    std::copy_n(bytes_.data() + offset, size, static_cast<char*>(data));
  }
  void write(std::uint64_t offset, const void* data, std::size_t size) override {
    check(offset, size);
    std::copy_n(static_cast<const char*>(data), size, bytes_.data() + offset);
  }
  void zero(std::uint64_t offset, std::uint64_t size) override {
    check(offset, size);
    std::memset(bytes_.data() + offset, 0, size);
  }
  void flush() override {}

 private:
  void check(std::uint64_t offset, std::uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset)
      throw support::failure("failed to use the disk: it ends too early");
  }
  std::string bytes_;
};

}  // namespace vmimage::fuzz
