#pragma once
// A disk into an EBS snapshot, by the EBS direct APIs: only the blocks that its parent has not, many at a
// time.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "filesystem/block_device.hpp"
#include "publish/aws/client.hpp"
#include "publish/aws/ec2.hpp"
#include "support/progress.hpp"

namespace vmimage::publish::aws {

constexpr std::size_t kBlock = 512 << 10;

/// The SHA-256 (32 bytes) of each block that is not all zeroes, by its number.
using Blocks = std::map<std::uint32_t, std::string>;

/// One line for each block, as it is kept: number, digest. Lines that are cut off are left out. Pure.
std::string block_line(std::uint32_t number, const std::string& digest);
Blocks parse_blocks(const std::string& lines);

/// What has to be written so that a snapshot with `before` becomes `after`. Pure.
Blocks changes(const Blocks& before, const Blocks& after);
/// The checksum of all that was written, as CompleteSnapshot takes it (LINEAR), in Base64. Pure.
std::string linear_checksum(const Blocks& written);

/// What was begun, in a file that outlives us: the snapshot, its parent, and the blocks that have arrived;
/// before EBS has said which snapshot it is, the token that it was asked for with.
class Journal {
 public:
  explicit Journal(std::filesystem::path file);
  const std::string& snapshot() const { return snapshot_; }  ///< empty: nothing was begun
  const std::string& token() const { return token_; }        ///< empty: none was asked for, or there it is
  const std::string& parent() const { return parent_; }      ///< empty: none
  const Blocks& arrived() const { return arrived_; }
  void ask(const std::string& token, const std::string& parent);
  void begin(const std::string& snapshot, const std::string& parent);
  void add(std::uint32_t number, const std::string& digest);  ///< from any thread
  void remove();

 private:
  void append(const std::string& line);
  std::filesystem::path file_;
  std::mutex mutex_;
  void write(const std::string& what, const std::string& name, const std::string& parent);
  std::string snapshot_;
  std::string token_;
  std::string parent_;
  Blocks arrived_;
};

struct Start {
  std::uint64_t gigabytes = 0;
  std::string parent = {};  ///< empty: none
  std::string key = {};     ///< the ARN of the key that it is encrypted with; empty: as the account says
  std::string token = {};   ///< equal for the same upload: a second request makes no second snapshot
  std::string description;
  Tags tags;
};
std::string start_snapshot(Client& ebs, const Start& start);  ///< its identifier

/// What is in an image. One that vmimage has written is read without QEMU, for half of the processor's time.
std::unique_ptr<filesystem::BlockDevice> open_disk(const std::filesystem::path& image);
/// The digests of all blocks of a disk.
Blocks digests_of(filesystem::BlockDevice& disk, const support::Report& report);
/// What a snapshot has, as far as `ours` needs that to be known, read from EBS; nothing when it is cheaper to
/// send all of `ours`, or when it may not be read.
std::optional<Blocks> learn_blocks(Endpoint& ebs, const std::string& snapshot, const Blocks& ours,
                                   const support::Report& report);

struct Sent {
  Blocks blocks;   ///< of the whole disk
  Blocks written;  ///< what the snapshot has beyond its parent
};
/// Sends what is not in `parent` and has not arrived yet. Throws what one of its threads threw.
Sent send_blocks(Endpoint& ebs, filesystem::BlockDevice& disk, const Blocks& parent, Journal& journal,
                 const support::Report& report);

void complete_snapshot(Client& ebs, const std::string& snapshot, const Blocks& written);

}  // namespace vmimage::publish::aws
