#pragma once
// Compression by zlib, on all processors.

#include <string>
#include <string_view>

#include "format/output.hpp"

namespace vmimage::format {

/// One zlib stream (RFC 1950).
std::string zlib_stream(std::string_view bytes);

/// A gzip file (RFC 1952) of one member, without a name or a time. It is made of pieces that were compressed
/// apart, so that several processors can do it, and long runs of zeroes cost nothing.
class GzipWriter {
 public:
  explicit GzipWriter(Output& output);
  void append(std::string_view bytes);
  void zeroes(std::uint64_t size);
  void finish();

 private:
  void flush();  ///< compresses what is waiting
  Output& output_;
  std::string waiting_;
  std::string zero_piece_;  ///< kPiece zeroes, compressed
  unsigned long zero_crc_ = 0;
  unsigned long crc_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace vmimage::format
