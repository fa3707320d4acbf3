#include "publish/aws/ami.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <regex>
#include <set>

#include "cache/cache.hpp"
#include "format/open.hpp"
#include "publish/aws/upload.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmimage::publish::aws {

using namespace std::chrono_literals;
using support::failure;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kGigabyte = 1ull << 30;  // as EBS counts
constexpr const char* kName = "vmimage:name";
constexpr const char* kVersion = "vmimage:version";
constexpr const char* kDigest = "vmimage:digest";
constexpr const char* kKey = "vmimage:key";  ///< that was asked for
/// Snapshots become usable some time after all is there.
constexpr auto kReady = 1h;
/// One that may have been completed already is looked at for so long.
constexpr auto kSealed = 1min;
/// The EBS direct APIs allow 1000 blocks a second; more at once only wait for each other.
constexpr double kBlocksAtOnce = 16;
constexpr const char* kBlocks = "ebs-blocks";  ///< of the cache

std::string of(const Tags& tags, const char* name) {
  const auto found = tags.find(name);
  return found == tags.end() ? "" : found->second;
}

Published published(const std::string& id, const Tags& tags, const std::string& created) {
  return {.id = id,
          .name = of(tags, kName),
          .version = of(tags, kVersion),
          .digest = of(tags, kDigest),
          .created = created};
}

std::string random_token() {
  std::random_device random;
  return fmt::format("vmimage-{:08x}{:08x}{:08x}", random(), random(), random());
}

class Ami : public Registry {
 public:
  explicit Ami(const Account& account)
      : identity_(account.name, account.region),
        ebs_(identity_, "ebs", "EBS", kBlocksAtOnce),
        ec2_endpoint_(identity_, "ec2", "EC2", 4),
        ec2_(ec2_endpoint_) {}

  std::vector<Published> list() override {
    images_ = ec2_.images_tagged(kDigest);
    snapshots_ = ec2_.snapshots_tagged(kDigest);
    std::vector<Published> all;
    for (const auto& image : images_) {
      all.push_back(published(image.id, image.tags, image.created));
      all.back().size = size_of(image);
      all.back().whole = image.state == "available" || image.state == "pending";
    }
    for (const auto& snapshot : remainders()) {
      all.push_back(published(snapshot.id, snapshot.tags, snapshot.created));
      all.back().size = snapshot.gigabytes * kGigabyte;
      all.back().whole = false;
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Published& a, const Published& b) { return a.created > b.created; });
    return all;
  }

  /// One that EBS has not given up: send() goes on with it, or somebody else is at it.
  bool can_go_on(const Published& image) override {
    const auto found = std::find_if(snapshots_.begin(), snapshots_.end(),
                                    [&](const Snapshot& snapshot) { return snapshot.id == image.id; });
    return found != snapshots_.end() && found->state != "error";
  }

  std::string user_of(const Published& image) override {
    if (!image.id.starts_with("ami-"))
      return "";
    const std::string user = ec2_.template_of(image.id);
    return user.empty() ? "" : "the launch template " + user;
  }

  void check(const Upload& upload) override {
    check_tags(upload.tags);
    check_keys(upload.keys, {identity_.region()});
    const auto& firmware = upload.firmware;
    if (upload.tpm && std::count(firmware.begin(), firmware.end(), "uefi") == 0)
      throw support::invalid("an instance of this image cannot have a TPM: that needs UEFI, which it lacks",
                             "leave --tpm out, or build it with 'uefi' among its firmware");
  }

  void finish(Published& image, const Upload& upload, const support::Report&) override {
    const auto there = std::find_if(images_.begin(), images_.end(),
                                    [&](const Image& known) { return known.id == image.id; });
    if (there == images_.end())
      return;
    const std::string key = of(there->tags, kKey), wanted = key_of(upload.keys, identity_.region());
    const std::string hint = fmt::format("run 'vmimage unpublish {} --from aws' first", image.id);
    if (key != wanted)
      throw support::invalid(fmt::format("'{}' is this image, but encrypted with {}", image.id,
                                         key.empty() ? "no --kms-key" : "'" + key + "'"),
                             hint);
    if (upload.tpm && !there->tpm)
      throw support::invalid(fmt::format("'{}' is this image, but without a TPM", image.id), hint);
  }

  Published send(const Upload& upload, const support::Report& report) override {
    Journal journal(journal_file(upload));
    const auto left = left_of(upload);
    const auto whole = std::find_if(left.begin(), left.end(),
                                    [](const Snapshot& snapshot) { return snapshot.state == "completed"; });
    std::string snapshot;
    if (whole != left.end())
      snapshot = whole->id;  // only its AMI is missing
    else
      snapshot = upload_snapshot(upload, left, journal, report);
    const Published image = register_image(upload, snapshot, report);
    journal.remove();
    return image;
  }

  void remove(const Published& image) override {
    if (!image.id.starts_with("ami-"))
      return ec2_.remove_snapshot(image.id);
    const auto there = ec2_.image(image.id);
    ec2_.deregister(image.id);
    if (there)
      for (const auto& snapshot : there->snapshots)
        ec2_.remove_snapshot(snapshot);
  }

 private:
  std::uint64_t size_of(const Image& image) const {
    std::uint64_t gigabytes = 0;
    for (const auto& snapshot : snapshots_)
      if (std::count(image.snapshots.begin(), image.snapshots.end(), snapshot.id) > 0)
        gigabytes += snapshot.gigabytes;
    return gigabytes * kGigabyte;
  }

  /// Snapshots of ours that no AMI has.
  std::vector<Snapshot> remainders() const {
    std::set<std::string> used;
    for (const auto& image : images_)
      used.insert(image.snapshots.begin(), image.snapshots.end());
    std::vector<Snapshot> found;
    for (const auto& snapshot : snapshots_)
      if (!used.contains(snapshot.id))
        found.push_back(snapshot);
    return found;
  }

  std::vector<Snapshot> left_of(const Upload& upload) const {
    std::vector<Snapshot> found;
    for (const auto& snapshot : remainders())
      if (of(snapshot.tags, kName) == upload.name && of(snapshot.tags, kDigest) == upload.digest &&
          of(snapshot.tags, kKey) == key_of(upload.keys, identity_.region()))
        found.push_back(snapshot);
    return found;
  }

  fs::path journal_file(const Upload& upload) const {
    const std::string key =
        fmt::format("{}\n{}\n{}\n{}", identity_.region(), ebs_.service.url(), upload.name, upload.digest);
    return support::state_folder("vmimage") / "aws" / (support::sha256(key).substr(0, 32) + ".journal");
  }

  std::optional<Blocks> known_blocks(const std::string& snapshot) const {
    const auto entry = cache_.find(kBlocks, snapshot, {"blocks"});
    return entry ? std::optional(parse_blocks(support::read_file(*entry / "blocks"))) : std::nullopt;
  }

  void keep_blocks(const std::string& snapshot, const Blocks& blocks) const {
    cache_.entry(kBlocks, snapshot, [&](const fs::path& folder) {
      std::string text;
      for (const auto& [number, digest] : blocks)
        text += block_line(number, digest);
      support::write_file_atomic(folder / "blocks", text);
    });
  }

  /// The snapshot of the newest image of that name, encrypted with the same key, whose blocks we know; empty:
  /// none.
  std::string find_parent(const Upload& upload, std::uint64_t gigabytes) const {
    std::string parent, newest;
    for (const auto& image : images_) {
      if (of(image.tags, kName) != upload.name || image.created < newest ||
          of(image.tags, kKey) != key_of(upload.keys, identity_.region()))
        continue;
      for (const auto& snapshot : snapshots_)
        if (image.snapshots == std::vector{snapshot.id} && snapshot.state == "completed" &&
            snapshot.gigabytes <= gigabytes && cache_.has(kBlocks, snapshot.id)) {
          parent = snapshot.id;
          newest = image.created;
        }
    }
    return parent;
  }

  /// That which the journal names, when EBS still takes blocks for it; else a new one.
  void begin(const Upload& upload, const std::vector<Snapshot>& left, Client& client, Journal& journal,
             Blocks& parent_blocks) {
    for (const auto& snapshot : left)
      if (snapshot.id == journal.snapshot() && snapshot.state == "pending") {
        const auto known = journal.parent().empty() ? Blocks{} : known_blocks(journal.parent());
        if (known) {
          parent_blocks = *known;
          return;
        }
      }
    Start start{.gigabytes = whole_units(upload.disk, kGigabyte),
                .key = key_of(upload.keys, identity_.region()),
                .token = random_token(),
                .description = fmt::format("{} {}", upload.name, upload.version),
                .tags = tags_of(upload, identity_.region())};
    start.parent = find_parent(upload, start.gigabytes);
    if (!start.parent.empty()) {
      if (const auto known = known_blocks(start.parent))
        parent_blocks = *known;
      else
        start.parent.clear();
    }
    journal.begin(start_snapshot(client, start), start.parent);
  }

  std::string upload_snapshot(const Upload& upload, const std::vector<Snapshot>& left, Journal& journal,
                              const support::Report& report) {
    Client client(ebs_);
    Blocks parent;
    begin(upload, left, client, journal, parent);
    const std::string id = journal.snapshot();
    report(journal.parent().empty() ? "uploading to " + id
                                    : "uploading to " + id + " what " + journal.parent() + " has not");
    try {
      const auto disk = format::open_image(upload.file);
      const Sent sent = send_blocks(ebs_, *disk, parent, journal, report);
      complete(client, id, sent.written);
      report("waiting for " + id);
      wait_for_snapshot(id);
      keep_blocks(id, sent.blocks);
    } catch (const Refused& refused) {
      if (!refused.may_pass())
        give_up(id, journal);
      throw;
    }
    return id;
  }

  /// When the answer to an earlier request was lost, it is complete already, or will be in a moment.
  void complete(Client& client, const std::string& id, const Blocks& written) {
    try {
      complete_snapshot(client, id, written);
    } catch (const Refused& refused) {
      if (refused.code() != "ValidationException" && refused.code() != "ConflictException")
        throw;
      for (const auto end = std::chrono::steady_clock::now() + kSealed;; pause(1s)) {
        const auto there = ec2_.snapshot(id);
        if (there && there->state == "completed")
          return;
        if (!there || there->state == "error" || std::chrono::steady_clock::now() > end)
          throw;
      }
    }
  }

  /// When this cannot be done either, 'vmimage published' lists it.
  void give_up(const std::string& id, Journal& journal) noexcept {
    try {
      ec2_.remove_snapshot(id);
      journal.remove();
    } catch (...) {
    }
  }

  template <typename Ready>
  void wait(const std::string& what, Ready ready) {
    const auto end = std::chrono::steady_clock::now() + kReady;
    for (auto time = 200ms; !ready(); time = std::min<std::chrono::milliseconds>(2 * time, 5s)) {
      if (std::chrono::steady_clock::now() > end)
        throw failure(fmt::format("failed to publish the image: {} is not ready within an hour", what),
                      "publish it again: what has arrived is not sent again");
      pause(time);
    }
  }

  void wait_for_snapshot(const std::string& id) {
    wait("the snapshot '" + id + "'", [&] {
      const auto snapshot = ec2_.snapshot(id);
      if (snapshot && snapshot->state == "error")
        throw Refused("error",
                      fmt::format("failed to publish the image: EBS has given up its snapshot '{}'", id),
                      "publish it again");
      return snapshot && snapshot->state == "completed";
    });
  }

  Published register_image(const Upload& upload, const std::string& snapshot, const support::Report& report) {
    report("registering the AMI");
    // EC2 gives a TPM only to instances that boot by UEFI and nothing else.
    const Registration wanted{.name = ami_name(upload),
                              .description = fmt::format("{} {}", upload.name, upload.version),
                              .snapshot = snapshot,
                              .boot_mode = upload.tpm ? "uefi" : boot_mode(upload.firmware),
                              .tpm = upload.tpm,
                              .tags = tags_of(upload, identity_.region())};
    std::string id;
    try {
      id = ec2_.register_image(wanted);
    } catch (const Refused& refused) {
      if (refused.code() != "InvalidAMIName.Duplicate")
        throw Refused(
            refused.code(), refused.what(),
            fmt::format("{}{}all has arrived: publishing again sends nothing; 'vmimage unpublish {} "
                        "--from aws' removes it",
                        refused.hint(), refused.hint().empty() ? "" : "; ", snapshot));
      id = take_over(upload, wanted.name, snapshot);
    }
    Published image = published(id, wanted.tags, "");
    wait("the AMI '" + id + "'", [&] {
      const auto there = ec2_.image(id);
      if (there && there->state != "available" && there->state != "pending")
        throw failure(fmt::format("the AMI '{}' is '{}', not 'available'", id, there->state));
      image.created = there ? there->created : "";
      return there && there->state == "available";
    });
    image.size = whole_units(upload.disk, kGigabyte) * kGigabyte;
    return image;
  }

  /// Somebody was quicker, or the answer to our own request was lost: the same image is there by that name.
  std::string take_over(const Upload& upload, const std::string& name, const std::string& snapshot) {
    const auto there = ec2_.image_named(name);
    if (!there || of(there->tags, kDigest) != upload.digest || of(there->tags, kName) != upload.name)
      throw failure(fmt::format("failed to register the AMI: there is another one with the name '{}'", name),
                    "remove that one, or publish by another --name");
    if (there->snapshots != std::vector{snapshot})
      ec2_.remove_snapshot(snapshot);
    return there->id;
  }

  Identity identity_;
  Endpoint ebs_, ec2_endpoint_;
  Ec2 ec2_;
  cache::Cache cache_;
  std::vector<Image> images_;        ///< as list() found them
  std::vector<Snapshot> snapshots_;  ///< the same
};

}  // namespace

std::string ami_name(const Upload& upload) {
  constexpr std::string_view kAlso = "()[] ./-'@_";
  constexpr std::size_t kMost = 128, kDigits = 12;
  std::string name = upload.name + (upload.version.empty() ? "" : "-") + upload.version;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && kAlso.find(c) == kAlso.npos)
      c = '-';
  return name.substr(0, kMost - kDigits - 1) + '-' +
         upload.digest.substr(upload.digest.find(':') + 1).substr(0, kDigits);
}

std::string boot_mode(const std::vector<std::string>& firmware) {
  const bool uefi = std::count(firmware.begin(), firmware.end(), "uefi") > 0;
  const bool bios = std::count(firmware.begin(), firmware.end(), "bios") > 0;
  return uefi && bios ? "uefi-preferred" : uefi ? "uefi" : "legacy-bios";
}

std::string key_of(const std::vector<std::string>& keys, const std::string& region) {
  for (const auto& key : keys)
    if (key.find(":kms:" + region + ":") != key.npos)
      return key;
  return "";
}

Tags tags_of(const Upload& upload, const std::string& region) {
  Tags tags{{"Name", upload.name}, {kName, upload.name}, {kDigest, upload.digest}};
  if (!upload.version.empty())
    tags[kVersion] = upload.version;
  if (!upload.lock.empty())
    tags["vmimage:lock"] = upload.lock;
  if (!upload.revision.empty())
    tags["vmimage:revision"] = upload.revision;
  if (const std::string key = key_of(upload.keys, region); !key.empty())
    tags[kKey] = key;
  for (const auto& [name, value] : upload.tags)
    tags[name] = value;
  return tags;
}

void check_tags(const Tags& tags) {
  constexpr std::size_t kMost = 40, kLongestName = 127, kLongestValue = 255;  // of EBS, less our own
  const auto refuse = [](const std::string& name, const std::string& why) {
    throw support::invalid(fmt::format("the tag '{}' cannot be given: {}", name, why));
  };
  for (const auto& [name, value] : tags) {
    if (name.starts_with("aws:") || name.starts_with("vmimage:"))
      refuse(name, "names that begin with 'aws:' or 'vmimage:' are not for people");
    if (name.empty() || name.size() > kLongestName)
      refuse(name, fmt::format("its name has to have 1 to {} bytes", kLongestName));
    if (value.size() > kLongestValue)
      refuse(name, fmt::format("its value has more than {} bytes", kLongestValue));
  }
  if (tags.size() > kMost)
    throw support::invalid(
        fmt::format("{} tags are too many: AWS takes {} besides ours", tags.size(), kMost));
}

void check_keys(const std::vector<std::string>& keys, const std::vector<std::string>& regions) {
  static const std::regex arn("arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:key/.+");
  std::set<std::string> known;
  for (const auto& key : keys) {
    std::smatch parts;
    if (!std::regex_match(key, parts, arn))
      throw support::invalid(fmt::format("--kms-key '{}' is not the ARN of a key", key),
                             "give arn:aws:kms:REGION:ACCOUNT:key/ID, as 'aws kms list-keys' prints them");
    if (std::count(regions.begin(), regions.end(), parts[1].str()) == 0)
      throw support::invalid(fmt::format("--kms-key '{}' is not of {}", key, fmt::join(regions, ", ")),
                             "EBS takes keys of its own region only");
    if (!known.insert(parts[1]).second)
      throw support::invalid(fmt::format("there is more than one --kms-key of {}", parts[1].str()));
  }
  for (const auto& region : regions)
    if (!keys.empty() && !known.contains(region))
      throw support::invalid(fmt::format("there is no --kms-key of {}", region), "give one of each region");
}

std::unique_ptr<Registry> open_ami(const Account& account) {
  return std::make_unique<Ami>(account);
}

}  // namespace vmimage::publish::aws
