#include "support/digest.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "support/error.hpp"

namespace vmimage::support {

struct Digest::Context {
  explicit Context(const EVP_MD* algorithm) {
    if (EVP_DigestInit_ex(evp, algorithm, nullptr) != 1)
      throw failure("failed to start a digest");
  }
  ~Context() { EVP_MD_CTX_free(evp); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void update(const void* data, std::size_t size) {
    if (EVP_DigestUpdate(evp, data, size) != 1)
      throw failure("failed to update a digest");
  }
  std::string bytes() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    if (EVP_DigestFinal_ex(evp, bytes.data(), &size) != 1)
      throw failure("failed to end a digest");
    return {reinterpret_cast<const char*>(bytes.data()), size};
  }

  EVP_MD_CTX* evp = EVP_MD_CTX_new();
};

Digest::Digest(Algorithm algorithm)
    : context_(std::make_unique<Context>(algorithm == Algorithm::Sha1 ? EVP_sha1() : EVP_sha256())) {}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;

Digest& Digest::add(std::string_view field) {
  const std::string length = fmt::format("{}:", field.size());
  return raw(length.data(), length.size()).raw(field.data(), field.size());
}

Digest& Digest::raw(const void* data, std::size_t size) {
  context_->update(data, size);
  return *this;
}

std::string Digest::bytes() {
  return context_->bytes();
}

std::string Digest::hex() {
  return support::hex(bytes());
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const unsigned char byte : bytes)
    text += fmt::format("{:02x}", byte);
  return text;
}

namespace {

/// Calls `each` for the bytes of a file, in order.
template <typename Each>
void read_through(const std::filesystem::path& path, Each each) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    throw_errno("open '" + path.string() + "'");
  std::vector<char> buffer(1 << 18);
  ssize_t got = 0;
  while ((got = ::read(fd, buffer.data(), buffer.size())) > 0)
    each(buffer.data(), static_cast<std::size_t>(got));
  ::close(fd);
  if (got < 0)
    throw_errno("read '" + path.string() + "'");
}

}  // namespace

std::string sha256(std::string_view bytes) {
  return Digest().raw(bytes.data(), bytes.size()).hex();
}

std::string sha256_file(const std::filesystem::path& path) {
  Digest digest;
  read_through(path, [&](const void* data, std::size_t size) { digest.raw(data, size); });
  return digest.hex();
}

std::string sha1(std::string_view bytes) {
  return Digest(Digest::Algorithm::Sha1).raw(bytes.data(), bytes.size()).hex();
}

BothDigests& BothDigests::raw(const void* data, std::size_t size) {
  sha256_.raw(data, size);
  sha1_.raw(data, size);
  return *this;
}

Digests BothDigests::hex() {
  return {sha256_.hex(), sha1_.hex()};
}

Digests digests_of(std::string_view bytes) {
  return BothDigests().raw(bytes.data(), bytes.size()).hex();
}

Digests digests_of_file(const std::filesystem::path& path) {
  BothDigests digests;
  read_through(path, [&](const void* data, std::size_t size) { digests.raw(data, size); });
  return digests.hex();
}

}  // namespace vmimage::support
