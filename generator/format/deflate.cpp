#include "format/deflate.hpp"

#include <zlib.h>

#include <algorithm>

#include "support/error.hpp"

namespace vmimage::format {

namespace {

// Level 6 takes twice as long for 2 % less.
constexpr int kLevel = 4;
constexpr std::size_t kPiece = 1 << 20;
constexpr std::size_t kPieces = 16;  // compressed at once

enum class Wrap { Zlib, None };
enum class End { Whole, Open };

std::string deflated(std::string_view bytes, Wrap wrap, End end) {
  z_stream stream{};
  const int window = wrap == Wrap::Zlib ? 15 : -15;
  if (::deflateInit2(&stream, kLevel, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw support::failure("failed to start compression: no memory is left");
  std::string output(::deflateBound(&stream, bytes.size()) + 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  stream.avail_out = static_cast<uInt>(output.size());
  ::deflate(&stream, end == End::Whole ? Z_FINISH : Z_SYNC_FLUSH);
  output.resize(stream.total_out);
  ::deflateEnd(&stream);
  return output;
}

unsigned long crc_of(std::string_view bytes) {
  return ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
}

}  // namespace

std::string zlib_stream(std::string_view bytes) {
  return deflated(bytes, Wrap::Zlib, End::Whole);
}

GzipWriter::GzipWriter(Output& output) : output_(output) {
  const std::string zeroes(kPiece, '\0');
  zero_piece_ = deflated(zeroes, Wrap::None, End::Open);
  zero_crc_ = crc_of(zeroes);
  output_.append({"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10});  // deflate, no flags, no time, unknown system
}

void GzipWriter::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto part = std::min(bytes.size(), kPieces * kPiece - waiting_.size());
    waiting_.append(bytes.substr(0, part));
    bytes.remove_prefix(part);
    if (waiting_.size() == kPieces * kPiece)
      flush();
  }
}

void GzipWriter::zeroes(std::uint64_t size) {
  if (size >= kPiece) {
    flush();
    for (; size >= kPiece; size -= kPiece) {
      output_.append(zero_piece_);
      crc_ = ::crc32_combine(crc_, zero_crc_, kPiece);
      size_ += kPiece;
    }
  }
  append(std::string(size, '\0'));
}

void GzipWriter::flush() {
  struct Piece {
    std::string bytes;
    unsigned long crc = 0;
    std::size_t size = 0;
  };
  std::vector<Piece> pieces((waiting_.size() + kPiece - 1) / kPiece);
  in_parallel(pieces.size(), [&](std::size_t i) {
    const std::string_view bytes = std::string_view(waiting_).substr(i * kPiece, kPiece);
    pieces[i] = {deflated(bytes, Wrap::None, End::Open), crc_of(bytes), bytes.size()};
  });
  for (const auto& piece : pieces) {
    output_.append(piece.bytes);
    crc_ = ::crc32_combine(crc_, piece.crc, static_cast<z_off_t>(piece.size));
    size_ += piece.size;
  }
  waiting_.clear();
}

void GzipWriter::finish() {
  flush();
  output_.append({"\x03\0", 2});  // the last block, with nothing in it
  std::string trailer(8, '\0');
  put_little(trailer, 0, static_cast<std::uint32_t>(crc_));
  put_little(trailer, 4, static_cast<std::uint32_t>(size_));
  output_.append(trailer);
  output_.finish();
}

}  // namespace vmimage::format
