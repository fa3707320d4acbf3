#include "format/output.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "support/digest.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::format {

using filesystem::BlockDevice;

namespace {

/// The data of a disk, rounded to whole blocks and to its end, neighbours joined.
std::vector<filesystem::Extent> aligned_data(BlockDevice& disk, std::uint64_t block) {
  std::vector<filesystem::Extent> runs;
  for (const auto& extent : disk.data()) {
    const std::uint64_t start = extent.offset / block * block;
    const std::uint64_t end = round_up(extent.offset + extent.size, block);
    if (!runs.empty() && runs.back().offset + runs.back().size >= start)
      runs.back().size = std::max(runs.back().size, end - runs.back().offset);
    else
      runs.push_back({start, end - start});
  }
  return runs;
}

std::filesystem::path emptied(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file))
    support::write_file_atomic(file, "");
  std::filesystem::resize_file(file, 0);
  return file;
}

std::string uuid(const std::string& seed, const std::string& purpose) {
  const std::string hex = support::sha256(seed + '\n' + purpose);
  std::string bytes;
  for (std::size_t i = 0; i < 32; i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x80);  // version
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);  // variant
  return bytes;
}

}  // namespace

bool is_zero(std::string_view bytes) {
  return bytes[0] == '\0' && bytes.substr(1) == bytes.substr(0, bytes.size() - 1);
}

Output::Output(const std::filesystem::path& file)
    : path_(emptied(file)), file_(path_, filesystem::DeviceAccess::Write) {}

void Output::append(std::string_view bytes) {
  file_.write(position_, bytes.data(), bytes.size());
  position_ += bytes.size();
}

void Output::write_at(std::uint64_t offset, std::string_view bytes) {
  file_.write(offset, bytes.data(), bytes.size());
}

void Output::finish() {
  std::filesystem::resize_file(path_, position_);
}

void each_batch(BlockDevice& disk, std::size_t size, const Meter& meter,
                const std::function<void(const std::vector<Block>&)>& take) {
  const auto runs = aligned_data(disk, size);
  const std::uint64_t end = disk.size();
  std::uint64_t total = 0, done = 0;
  for (const auto& run : runs)
    total += run.size;
  std::string buffer(kBatch, '\0');
  std::vector<Block> blocks;
  for (const auto& run : runs)
    for (std::uint64_t at = run.offset; at < run.offset + run.size; at += kBatch) {
      support::check_interrupt();
      const auto length = std::min<std::uint64_t>(kBatch, run.offset + run.size - at);
      const auto there = std::min<std::uint64_t>(length, end - at);
      disk.read(at, buffer.data(), there);
      std::fill(buffer.begin() + static_cast<std::ptrdiff_t>(there),
                buffer.begin() + static_cast<std::ptrdiff_t>(length), '\0');
      blocks.clear();
      for (std::uint64_t i = 0; i < length; i += size) {
        const std::string_view bytes(&buffer[i], size);
        if (!is_zero(bytes))
          blocks.push_back({at + i, bytes});
      }
      if (!blocks.empty())
        take(blocks);
      done += length;
      meter(done, total);
    }
}

void each_block(BlockDevice& disk, std::size_t size, const Meter& meter,
                const std::function<void(const Block&)>& take) {
  each_batch(disk, size, meter, [&](const std::vector<Block>& blocks) {
    for (const auto& block : blocks)
      take(block);
  });
}

void in_parallel(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  const auto some = [&] {
    for (std::size_t i = next++; i < count; i = next++)
      work(i);
  };
  std::vector<std::future<void>> others;
  const std::size_t threads = std::min<std::size_t>(std::max(1u, std::thread::hardware_concurrency()), count);
  for (std::size_t i = 1; i < threads; ++i)
    others.push_back(std::async(std::launch::async, some));
  some();
  for (auto& other : others)
    other.get();
}

std::string uuid_bytes(const std::string& seed, const std::string& purpose) {
  return uuid(seed, purpose);
}

std::string guid_bytes(const std::string& seed, const std::string& purpose) {
  std::string bytes = uuid(seed, purpose);
  std::reverse(bytes.begin(), bytes.begin() + 4);
  std::reverse(bytes.begin() + 4, bytes.begin() + 6);
  std::reverse(bytes.begin() + 6, bytes.begin() + 8);
  return bytes;
}

}  // namespace vmimage::format
