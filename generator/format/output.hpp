#pragma once
// What all writers share: the file that is written, and the disk read block by block.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "format/format.hpp"

namespace vmimage::format {

/// A file that is written from its beginning to its end. Errors name the file.
class Output {
 public:
  explicit Output(const std::filesystem::path& file);  ///< which is emptied
  void append(std::string_view bytes);
  void skip(std::uint64_t size) { position_ += size; }          ///< a hole, which reads as zeroes
  void write_at(std::uint64_t offset, std::string_view bytes);  ///< does not move the end
  std::uint64_t position() const { return position_; }
  void finish();  ///< gives the file its size, also when it ends with a hole

 private:
  std::filesystem::path path_;
  filesystem::RawFile file_;
  std::uint64_t position_ = 0;
};

bool is_zero(std::string_view bytes);  ///< of at least one

struct Block {
  std::uint64_t offset = 0;
  std::string_view bytes;  ///< of full length; behind the disk's end are zeroes
};

/// Reads a disk in blocks of `size` bytes (a power of 2, at most kBatch), aligned, in order, and leaves out
/// those that are all zeroes: what is handed out depends on the disk's content only, not on how it is stored.
/// Several at a time, so that they can be worked on in parallel. Looks at interrupts.
void each_batch(filesystem::BlockDevice& disk, std::size_t size, const Meter& meter,
                const std::function<void(const std::vector<Block>&)>& take);
void each_block(filesystem::BlockDevice& disk, std::size_t size, const Meter& meter,
                const std::function<void(const Block&)>& take);
constexpr std::size_t kBatch = 8 << 20;

/// Calls `work(i)` for i in [0, count) on all processors. Throws what one of them throws.
void in_parallel(std::size_t count, const std::function<void(std::size_t)>& work);

// Numbers as formats store them.
template <typename Number>
void put_little(std::string& bytes, std::size_t offset, Number value) {
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    bytes[offset + i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
}
template <typename Number>
void put_big(std::string& bytes, std::size_t offset, Number value) {
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    bytes[offset + i] =
        static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * (sizeof(Number) - 1 - i)));
}
template <typename Number>
Number get_little(std::string_view bytes, std::size_t offset) {
  std::uint64_t value = 0;
  for (std::size_t i = sizeof(Number); i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return static_cast<Number>(value);
}

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

/// 16 bytes that follow from the image and a purpose: a version 8 UUID (RFC 9562), in network order.
std::string uuid_bytes(const std::string& seed, const std::string& purpose);
/// The same, in the order that Microsoft's and VirtualBox's formats have: the first three fields
/// little-endian.
std::string guid_bytes(const std::string& seed, const std::string& purpose);

}  // namespace vmimage::format
