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
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(evp); }
};

Digest::Digest() : context_(std::make_unique<Context>()) {
  if (EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) != 1)
    throw failure("failed to start a SHA-256 digest");
}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;

Digest& Digest::add(std::string_view field) {
  const std::string length = fmt::format("{}:", field.size());
  return raw(length.data(), length.size()).raw(field.data(), field.size());
}

Digest& Digest::raw(const void* data, std::size_t size) {
  if (EVP_DigestUpdate(context_->evp, data, size) != 1)
    throw failure("failed to update a SHA-256 digest");
  return *this;
}

std::string Digest::hex() {
  std::array<unsigned char, 32> bytes{};
  if (EVP_DigestFinal_ex(context_->evp, bytes.data(), nullptr) != 1)
    throw failure("failed to end a SHA-256 digest");
  std::string text;
  for (const unsigned char byte : bytes)
    text += fmt::format("{:02x}", byte);
  return text;
}

std::string sha256(std::string_view bytes) {
  return Digest().raw(bytes.data(), bytes.size()).hex();
}

std::string sha256_file(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    throw_errno("open '" + path.string() + "'");
  Digest digest;
  std::vector<char> buffer(1 << 18);
  ssize_t got = 0;
  while ((got = ::read(fd, buffer.data(), buffer.size())) > 0)
    digest.raw(buffer.data(), static_cast<std::size_t>(got));
  ::close(fd);
  if (got < 0)
    throw_errno("read '" + path.string() + "'");
  return digest.hex();
}

}  // namespace vmimage::support
