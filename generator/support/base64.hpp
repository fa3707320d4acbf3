#pragma once
// Base64 (RFC 4648, section 4), by OpenSSL.

#include <string>
#include <string_view>

namespace vmimage::support {

std::string base64(std::string_view bytes);

}  // namespace vmimage::support
