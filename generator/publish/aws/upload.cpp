#include "publish/aws/upload.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "filesystem/qcow2.hpp"
#include "format/open.hpp"
#include "format/output.hpp"
#include "support/base64.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmimage::publish::aws {

using support::failure;
namespace fs = std::filesystem;

namespace {

constexpr int kSenders = 16;
/// Read and not yet sent, at most.
constexpr std::size_t kWaiting = 32;
/// How long EBS keeps a snapshot for which nothing comes, in minutes: after that it counts as failed.
constexpr int kTimeout = 60;

constexpr std::size_t kDigestSize = 32;  // of SHA-256

std::string sha256_bytes(std::string_view bytes) {
  return support::Digest().raw(bytes.data(), bytes.size()).bytes();
}

const std::string& zero_digest() {
  static const std::string digest = sha256_bytes(std::string(kBlock, '\0'));
  return digest;
}

struct Piece {
  std::uint32_t number = 0;
  std::string digest;
  std::string bytes;
};

/// From the one who reads to those who send.
class Queue {
 public:
  /// Waits while there is too much. False: nothing is taken any more.
  bool put(Piece piece) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || pieces_.size() < kWaiting; });
    if (closed_)
      return false;
    pieces_.push_back(std::move(piece));
    changed_.notify_all();
    return true;
  }
  std::optional<Piece> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || closed_ || !pieces_.empty(); });
    if (closed_ || pieces_.empty())
      return std::nullopt;
    Piece piece = std::move(pieces_.front());
    pieces_.pop_front();
    changed_.notify_all();
    return piece;
  }
  void end() {  ///< no more comes; what is there is still handed out
    const std::lock_guard guard(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  void close(std::exception_ptr why) {
    const std::lock_guard guard(mutex_);
    closed_ = true;
    if (!why_)
      why_ = why;
    changed_.notify_all();
  }
  void check() {
    const std::lock_guard guard(mutex_);
    if (why_)
      std::rethrow_exception(why_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  bool ended_ = false, closed_ = false;
  std::exception_ptr why_;
};

void put_block(Client& ebs, const std::string& snapshot, const Piece& piece) {
  const std::string checksum = support::base64(piece.digest);
  const auto answer = ebs({.what = fmt::format("send block {} of '{}'", piece.number, snapshot),
                           .method = "PUT",
                           .path = fmt::format("/snapshots/{}/blocks/{}", snapshot, piece.number),
                           .headers = {{"content-type", "application/octet-stream"},
                                       {"x-amz-data-length", std::to_string(kBlock)},
                                       {"x-amz-checksum", checksum},
                                       {"x-amz-checksum-algorithm", "SHA256"}},
                           .body = piece.bytes,
                           .body_sha256 = support::hex(piece.digest)});
  const auto said = answer.headers.find("x-amz-checksum");
  if (said != answer.headers.end() && said->second != checksum)
    throw failure(
        fmt::format("block {} of '{}' arrived as other bytes than were sent", piece.number, snapshot));
}

/// Sends what comes by the queue, on several connections; joined at the end of the scope.
class Senders {
 public:
  Senders(Endpoint& ebs, Journal& journal) {
    for (int i = 0; i < kSenders; ++i)
      threads_.emplace_back([&] { work(ebs, journal); });
  }
  ~Senders() {
    queue_.close(nullptr);
    join();
  }
  void put(Piece piece) {
    if (!queue_.put(std::move(piece)))
      queue_.check();
  }
  void finish() {
    queue_.end();
    join();
    queue_.check();
  }

 private:
  void work(Endpoint& ebs, Journal& journal) {
    try {
      std::optional<Client> client;  // a connection only where there is something to send
      while (const auto piece = queue_.take()) {
        if (!client)
          client.emplace(ebs);
        put_block(*client, journal.snapshot(), *piece);
        journal.add(piece->number, piece->digest);
      }
    } catch (...) {
      queue_.close(std::current_exception());
    }
  }
  void join() {
    for (auto& thread : threads_)
      thread.join();
    threads_.clear();
  }
  Queue queue_;
  std::vector<std::thread> threads_;
};

/// A block of a snapshot, as EBS lists it.
struct Listed {
  std::uint32_t number = 0;
  std::string token;  ///< without which it is not handed out
};

std::vector<Listed> list_blocks(Client& ebs, const std::string& snapshot) {
  std::vector<Listed> blocks;
  for (std::string next;;) {
    Call call{.what = "list the blocks of '" + snapshot + "'",
              .method = "GET",
              .path = "/snapshots/" + snapshot + "/blocks"};
    if (!next.empty())
      call.query = {{"pageToken", next}};
    const auto said = support::json::parse(ebs(call).body, nullptr, false);
    if (!said.is_object() || said.value("BlockSize", 0u) != kBlock)
      throw failure("EBS answers with something that is no list of blocks", "look at AWS_ENDPOINT_URL");
    for (const auto& block : said.value("Blocks", support::json::array()))
      blocks.push_back({block.value("BlockIndex", 0u), block.value("BlockToken", "")});
    const auto token = said.find("NextToken");
    if (token == said.end() || !token->is_string() || token->get<std::string>().empty())
      return blocks;
    next = token->get<std::string>();
  }
}

/// Of each of these blocks, on several connections.
std::vector<std::string> read_digests(Endpoint& ebs, const std::string& snapshot,
                                      const std::vector<Listed>& blocks) {
  std::vector<std::string> digests(blocks.size());
  std::atomic<std::size_t> next{0};
  const auto some = [&] {
    Client client(ebs);
    for (std::size_t i = next++; i < blocks.size(); i = next++) {
      const auto& block = blocks[i];
      digests[i] =
          sha256_bytes(client({.what = fmt::format("read block {} of '{}'", block.number, snapshot),
                               .method = "GET",
                               .path = fmt::format("/snapshots/{}/blocks/{}", snapshot, block.number),
                               .query = {{"blockToken", block.token}}})
                           .body);
    }
  };
  std::vector<std::future<void>> readers;
  for (std::size_t i = 0; i < std::min<std::size_t>(kSenders, blocks.size()); ++i)
    readers.push_back(std::async(std::launch::async, some));
  for (auto& reader : readers)
    reader.get();
  return digests;
}

/// So many of them, spread evenly; they are taken out.
std::vector<Listed> take_sample(std::vector<Listed>& blocks, std::size_t count) {
  std::vector<Listed> sample, rest;
  const std::size_t step = std::max<std::size_t>(1, blocks.size() / count);
  for (std::size_t i = 0; i < blocks.size(); ++i)
    (i % step == 0 && sample.size() < count ? sample : rest).push_back(blocks[i]);
  blocks = rest;
  return sample;
}

bool has(const Blocks& blocks, std::uint32_t number, const std::string& digest) {
  const auto found = blocks.find(number);
  return found != blocks.end() && found->second == digest;
}

constexpr std::size_t kPage = 4096;

/// The blocks of a disk that have data.
std::vector<std::uint32_t> numbers_of(filesystem::BlockDevice& disk) {
  std::set<std::uint32_t> numbers;
  for (const auto& run : disk.data())
    for (std::uint64_t number = run.offset / kBlock; number * kBlock < run.offset + run.size; ++number)
      numbers.insert(static_cast<std::uint32_t>(number));
  return {numbers.begin(), numbers.end()};
}

/// `found` gets, from any thread, each block that is not all zeroes. A thread has one block at a time, in a
/// place that stays in its processor's cache: read in larger pieces, memory took longer than the digests.
Blocks scan(filesystem::BlockDevice& disk, const support::Report& report,
            const std::function<void(std::uint32_t, const std::string&, std::string_view)>& found) {
  const auto numbers = numbers_of(disk);
  const std::uint64_t end = disk.size();
  Blocks blocks;
  std::mutex mutex;
  std::size_t done = 0;
  std::atomic<std::size_t> next{0};
  const auto one = [&](std::uint32_t number, char* buffer) {
    support::check_interrupt();
    const std::uint64_t offset = number * std::uint64_t{kBlock},
                        there = std::min<std::uint64_t>(kBlock, end - offset);
    disk.read(offset, buffer, there);
    std::fill(buffer + there, buffer + kBlock, '\0');
    const std::string_view bytes(buffer, kBlock);
    const bool zero = format::is_zero(bytes);
    const std::string digest = zero ? "" : sha256_bytes(bytes);
    if (!zero)
      found(number, digest, bytes);
    const std::lock_guard guard(mutex);
    if (!zero)
      blocks[number] = digest;
    report.bytes(++done * kBlock, numbers.size() * kBlock);
  };
  format::in_parallel(std::max(1u, std::thread::hardware_concurrency()), [&](std::size_t) {
    // At the beginning of a page: elsewhere the kernel copies at a quarter of the speed.
    const std::unique_ptr<char, decltype(&std::free)> buffer(
        static_cast<char*>(std::aligned_alloc(kPage, kBlock)), std::free);
    if (!buffer)
      throw std::bad_alloc();
    try {
      for (std::size_t i = next++; i < numbers.size(); i = next++)
        one(numbers[i], buffer.get());
    } catch (...) {
      next = numbers.size();
      throw;
    }
  });
  return blocks;
}

}  // namespace

std::string block_line(std::uint32_t number, const std::string& digest) {
  return fmt::format("{} {}\n", number, support::hex(digest));
}

Blocks parse_blocks(const std::string& lines) {
  Blocks blocks;
  for (std::size_t at = 0, end; (end = lines.find('\n', at)) != std::string::npos; at = end + 1) {
    std::istringstream line(lines.substr(at, end - at));
    std::uint32_t number = 0;
    std::string digits, bytes;
    if (!(line >> number >> digits) || digits.size() != 2 * kDigestSize)
      continue;
    for (std::size_t i = 0; i < digits.size(); i += 2)
      bytes += static_cast<char>(std::strtoul(digits.substr(i, 2).c_str(), nullptr, 16));
    blocks[number] = bytes;
  }
  return blocks;
}

Blocks changes(const Blocks& before, const Blocks& after) {
  Blocks changed;
  for (const auto& [number, digest] : after)
    if (!has(before, number, digest))
      changed[number] = digest;
  for (const auto& [number, digest] : before)
    if (!after.contains(number))
      changed[number] = zero_digest();
  return changed;
}

std::string linear_checksum(const Blocks& written) {
  std::string all;
  for (const auto& [number, digest] : written)
    all += digest;
  return support::base64(sha256_bytes(all));
}

Journal::Journal(fs::path file) : file_(std::move(file)) {
  if (!fs::exists(file_))
    return;
  const std::string text = support::read_file(file_);
  std::istringstream first(text.substr(0, text.find('\n')));
  std::string word, name;
  if (text.find('\n') == std::string::npos || !(first >> word >> name >> parent_))
    return;
  (word == "snapshot" ? snapshot_ : token_) = name;
  if (parent_ == "-")
    parent_.clear();
  arrived_ = parse_blocks(text.substr(text.find('\n') + 1));
}

void Journal::write(const std::string& what, const std::string& name, const std::string& parent) {
  fs::create_directories(file_.parent_path());
  support::write_file_atomic(file_, fmt::format("{} {} {}\n", what, name, parent.empty() ? "-" : parent),
                             0600);
  snapshot_.clear();
  token_.clear();
  parent_ = parent;
  arrived_.clear();
}

void Journal::ask(const std::string& token, const std::string& parent) {
  write("token", token, parent);
  token_ = token;
}

void Journal::begin(const std::string& snapshot, const std::string& parent) {
  write("snapshot", snapshot, parent);
  snapshot_ = snapshot;
}

void Journal::append(const std::string& line) {
  const support::Descriptor file(::open(file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!file.open() || ::write(file.fd, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    support::throw_errno("write '" + file_.string() + "'");
}

void Journal::add(std::uint32_t number, const std::string& digest) {
  const std::lock_guard guard(mutex_);
  append(block_line(number, digest));
}

void Journal::remove() {
  fs::remove(file_);
  snapshot_.clear();
  token_.clear();
}

std::string start_snapshot(Client& ebs, const Start& start) {
  support::json body{{"VolumeSize", start.gigabytes},
                     {"ClientToken", start.token},
                     {"Description", start.description},
                     {"Timeout", kTimeout}};
  for (const auto& [name, value] : start.tags)
    body["Tags"].push_back({{"Key", name}, {"Value", value}});
  if (!start.parent.empty()) {
    body["ParentSnapshotId"] = start.parent;  // and its key: EBS does not take both
  } else if (!start.key.empty()) {
    body["Encrypted"] = true;
    body["KmsKeyArn"] = start.key;
  }
  const auto answer = ebs({.what = "start a snapshot",
                           .method = "POST",
                           .path = "/snapshots",
                           .headers = {{"content-type", "application/json"}},
                           .body = body.dump()});
  const auto said = support::json::parse(answer.body, nullptr, false);
  const std::string id = said.is_object() ? said.value("SnapshotId", "") : "";
  if (id.empty() || said.value("BlockSize", 0u) != kBlock)
    throw failure("EBS answers with something that is no snapshot", "look at AWS_ENDPOINT_URL");
  return id;
}

std::unique_ptr<filesystem::BlockDevice> open_disk(const fs::path& image) {
  try {
    auto disk = std::make_unique<filesystem::Qcow2Image>(image, filesystem::DeviceAccess::Read);
    disk->data();
    return disk;
  } catch (const support::Error&) {
    return format::open_image(image);
  }
}

Blocks digests_of(filesystem::BlockDevice& disk, const support::Report& report) {
  return scan(disk, report, [](std::uint32_t, const std::string&, std::string_view) {});
}

// A block that is read costs half of one that is written, and comes the way that is not paid for and mostly
// is the faster one; and a snapshot without a parent is stored, and paid for every month, as a whole. So it
// is worth it as soon as half of the blocks turn out to be the same, which a few of them tell. Only those
// that both have need to be read: of others it is enough to know that they are there, to write zeroes over
// them.
std::optional<Blocks> learn_blocks(Endpoint& ebs, const std::string& snapshot, const Blocks& ours,
                                   const support::Report& report) {
  constexpr std::size_t kSample = 16;
  report("reading what " + snapshot + " has");
  try {
    Client client(ebs);
    Blocks there;
    std::vector<Listed> both;
    for (const auto& block : list_blocks(client, snapshot)) {
      there[block.number] = std::string(kDigestSize, '\0');  // no block's digest
      if (ours.contains(block.number))
        both.push_back(block);
    }
    std::size_t same = 0;
    const auto read = [&](const std::vector<Listed>& blocks) {
      const auto digests = read_digests(ebs, snapshot, blocks);
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        there[blocks[i].number] = digests[i];
        same += has(ours, blocks[i].number, digests[i]) ? 1 : 0;
      }
    };
    const auto sample = take_sample(both, kSample);
    read(sample);
    if (2 * same < sample.size() || sample.empty())
      return std::nullopt;
    read(both);
    return there;
  } catch (const Refused&) {
    return std::nullopt;  // an account may be allowed to write only
  }
}

Sent send_blocks(Endpoint& ebs, filesystem::BlockDevice& disk, const Blocks& parent, Journal& journal,
                 const support::Report& report) {
  Sent sent;
  Senders senders(ebs, journal);
  const Blocks arrived = journal.arrived();
  const auto send = [&](std::uint32_t number, const std::string& digest, std::string_view bytes) {
    if (!has(arrived, number, digest))
      senders.put({number, digest, std::string(bytes)});
  };
  sent.blocks =
      scan(disk, report, [&](std::uint32_t number, const std::string& digest, std::string_view bytes) {
        if (!has(parent, number, digest))
          send(number, digest, bytes);
      });
  sent.written = changes(parent, sent.blocks);
  const std::string zeroes(kBlock, '\0');
  for (const auto& [number, digest] : sent.written)
    if (!sent.blocks.contains(number))
      send(number, digest, zeroes);
  senders.finish();
  return sent;
}

void complete_snapshot(Client& ebs, const std::string& snapshot, const Blocks& written) {
  ebs({.what = "complete the snapshot '" + snapshot + "'",
       .method = "POST",
       .path = "/snapshots/completion/" + snapshot,
       .headers = {{"x-amz-changedblockscount", std::to_string(written.size())},
                   {"x-amz-checksum", linear_checksum(written)},
                   {"x-amz-checksum-algorithm", "SHA256"},
                   {"x-amz-checksum-aggregation-method", "LINEAR"}}});
}

}  // namespace vmimage::publish::aws
