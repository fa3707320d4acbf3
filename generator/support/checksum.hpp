#pragma once
// XXH3-128 (xxHash): finds damage at the speed of memory. It is no protection against intent; that is
// SHA-256.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace vmimage::support {

class Checksum {
 public:
  Checksum();
  ~Checksum();
  Checksum(Checksum&&) noexcept;
  void add(const void* data, std::size_t size);
  void add_zeroes(std::uint64_t size);
  std::string hex() const;  ///< 32 lower-case digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Adds the rest of an open file; `path` is for messages.
void add_file(Checksum& checksum, int fd, const std::filesystem::path& path);

std::string checksum_of(const std::filesystem::path& file);

}  // namespace vmimage::support
