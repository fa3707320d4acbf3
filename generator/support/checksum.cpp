#include "support/checksum.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <vector>

#include "support/descriptor.hpp"
#include "support/error.hpp"

namespace vmimage::support {

struct Checksum::State {
  XXH3_state_t* xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
};

Checksum::Checksum() : state_(std::make_unique<State>()) {
  if (!state_->xxh || XXH3_128bits_reset(state_->xxh) != XXH_OK)
    throw failure("failed to start a checksum");
}
Checksum::~Checksum() = default;
Checksum::Checksum(Checksum&&) noexcept = default;

void Checksum::add(const void* data, std::size_t size) {
  XXH3_128bits_update(state_->xxh, data, size);
}

void Checksum::add_zeroes(std::uint64_t size) {
  static const std::vector<char> zeroes(1 << 16);
  while (size > 0) {
    const auto part = std::min<std::uint64_t>(size, zeroes.size());
    add(zeroes.data(), static_cast<std::size_t>(part));
    size -= part;
  }
}

std::string Checksum::hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

void add_file(Checksum& checksum, int fd, const std::filesystem::path& path) {
  std::vector<char> buffer(1 << 18);
  ssize_t got = 0;
  while ((got = ::read(fd, buffer.data(), buffer.size())) > 0)
    checksum.add(buffer.data(), static_cast<std::size_t>(got));
  if (got < 0)
    throw_errno("read '" + path.string() + "'");
}

std::string checksum_of(const std::filesystem::path& file) {
  const Descriptor opened{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (opened.fd < 0)
    throw_errno("open '" + file.string() + "'");
  Checksum checksum;
  add_file(checksum, opened.fd, file);
  return checksum.hex();
}

}  // namespace vmimage::support
