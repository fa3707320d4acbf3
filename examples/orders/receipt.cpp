#include "receipt.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>

namespace orders {

namespace {

std::string hexadecimal(const unsigned char* bytes, std::size_t count) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

std::string sign(const Order& order, const std::string& key) {
  const std::string text = to_json(order).dump();  // keys sorted: one order, one text
  std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
  unsigned int length = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), code.data(), &length) == nullptr)
    throw std::runtime_error("failed to sign a receipt");
  return hexadecimal(code.data(), length);
}

bool signature_holds(const Order& order, const std::string& key, const std::string& signature) {
  const std::string expected = sign(order, key);
  return signature.size() == expected.size() &&
         CRYPTO_memcmp(signature.data(), expected.data(), expected.size()) == 0;
}

std::string make_key() {
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw std::runtime_error("failed to make a signing key: no random numbers");
  return hexadecimal(bytes.data(), bytes.size());
}

}  // namespace orders
