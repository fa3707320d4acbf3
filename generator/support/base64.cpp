#include "support/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cctype>

namespace vmimage::support {

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                                       static_cast<int>(bytes.size()))));
  return text;
}

std::string from_base64(std::string_view text) {
  std::string packed(text);
  std::erase_if(packed, [](unsigned char c) { return std::isspace(c) != 0; });
  std::string bytes(packed.size(), '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(packed.data()), static_cast<int>(packed.size()));
  // What fills the last group up is counted among the bytes.
  const auto filling = static_cast<int>(packed.ends_with("==") ? 2 : packed.ends_with("=") ? 1 : 0);
  bytes.resize(static_cast<std::size_t>(std::max(0, size - filling)));
  return bytes;
}

}  // namespace vmimage::support
