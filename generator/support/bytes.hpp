#pragma once
// Numbers as formats on disk have them.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vmimage::support {

/// The number in these bytes, at most eight of them, the lowest first.
inline std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

inline std::uint64_t little_endian(const unsigned char* bytes, std::size_t count) {
  return little_endian(std::string_view(reinterpret_cast<const char*>(bytes), count));
}

/// The next multiple of `unit`.
inline std::uint64_t align_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace vmimage::support
