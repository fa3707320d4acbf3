#pragma once
// SHA-256 (FIPS 180-4), by OpenSSL's EVP.

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
  Digest();
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& add(std::string_view field);  ///< length-prefixed
  Digest& raw(const void* data, std::size_t size);
  std::string hex();  ///< 64 lower-case digits; ends the digest

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256(std::string_view bytes);
std::string sha256_file(const std::filesystem::path& path);

}  // namespace vmimage::support
