#pragma once
// SHA-256 and SHA-1 (FIPS 180-4), by OpenSSL's EVP.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace vmimage::support {

/// Digest of a stream of fields: each field is preceded by its length, so that no two different sequences
/// of fields give the same bytes.
class Digest {
 public:
  enum class Algorithm { Sha256, Sha1 };  ///< SHA-1 where a format asks for it; nothing here relies on it
  explicit Digest(Algorithm algorithm = Algorithm::Sha256);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& add(std::string_view field);  ///< length-prefixed
  Digest& raw(const void* data, std::size_t size);
  std::string bytes();  ///< 32 (SHA-1: 20) of them; ends the digest
  std::string hex();    ///< the same as lower-case digits, two for each

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Two lower-case digits for each byte.
std::string hex(std::string_view bytes);

std::string sha256(std::string_view bytes);
std::string sha256_file(const std::filesystem::path& path);

/// By both algorithms, read once.
struct Digests {
  std::string sha256;
  std::string sha1;
};
class BothDigests {
 public:
  BothDigests& raw(const void* data, std::size_t size);
  Digests hex();  ///< ends them

 private:
  Digest sha256_, sha1_{Digest::Algorithm::Sha1};
};
Digests digests_of(std::string_view bytes);
Digests digests_of_file(const std::filesystem::path& path);
std::string sha1(std::string_view bytes);

}  // namespace vmimage::support
