#pragma once
// Base64 (RFC 4648, section 4), by OpenSSL.

#include <string>
#include <string_view>

namespace vmimage::support {

std::string base64(std::string_view bytes);
/// The bytes that `text` stands for; white space in it is passed over. Empty when it is no base64.
std::string from_base64(std::string_view text);

}  // namespace vmimage::support
