#include "publish/aws/ami.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <regex>
#include <set>

#include "cache/cache.hpp"
#include "publish/aws/copies.hpp"
#include "publish/aws/place.hpp"
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
/// Snapshots become usable some time after all is there.
constexpr auto kReady = 1h;
/// One that may have been completed already is looked at for so long.
constexpr auto kSealed = 1min;
/// The EBS direct APIs allow 1000 blocks a second; more at once only wait for each other.
constexpr double kBlocksAtOnce = 16;
constexpr const char* kBlocks = "ebs-blocks";  ///< of the cache

Published published(const std::string& id, const Tags& tags, const std::string& created,
                    const std::string& region) {
  return {.id = id,
          .name = of(tags, kName),
          .version = of(tags, kVersion),
          .digest = of(tags, kDigest),
          .created = created,
          .region = region};
}

std::string random_token() {
  std::random_device random;
  return fmt::format("vmimage-{:08x}{:08x}{:08x}", random(), random(), random());
}

class Ami : public Registry {
 public:
  explicit Ami(const Account& account)
      : account_(account),
        home_(account.name, account.region),
        ebs_(home_.identity(), "ebs", "EBS", kBlocksAtOnce) {
    std::erase(account_.regions, home_.region());
  }

  std::vector<Published> list() override {
    home_.look();
    others_ = look_at(account_.name, all_regions());
    std::vector<Published> all = found_in(home_);
    for (const auto& place : others_)
      add_copies(all, *place);
    std::stable_sort(all.begin(), all.end(),
                     [](const Published& a, const Published& b) { return a.created > b.created; });
    return all;
  }

  /// One that EBS has not given up: send() goes on with it, or somebody else is at it.
  bool can_go_on(const Published& image) override {
    if (image.region != home_.region())
      return true;  // a copy: its image comes back, and has it again
    const auto found = std::find_if(home_.snapshots().begin(), home_.snapshots().end(),
                                    [&](const Snapshot& snapshot) { return snapshot.id == image.id; });
    return found != home_.snapshots().end() && found->state != "error";
  }

  std::string user_of(const Published& image) override {
    std::vector<Copied> all = image.copies;
    all.push_back({image.region, image.id});
    for (const auto& one : all) {
      if (!one.id.starts_with("ami-"))
        continue;
      const std::string user = place(one.region).ec2().template_of(one.id);
      if (!user.empty())
        return fmt::format("the launch template {}{}", user,
                           one.region == home_.region() ? "" : " in " + one.region);
    }
    return "";
  }

  void check(const Upload& upload) override {
    check_tags(upload.tags);
    std::vector<std::string> regions = account_.regions;
    regions.push_back(home_.region());
    check_keys(upload.keys, regions);
    check_sharing(home_, upload);
    if (!upload.share_with.empty())
      for (const auto& region : account_.regions) {
        Place other(account_.name, region);
        check_sharing(other, upload);
      }
    const auto& firmware = upload.firmware;
    if (upload.tpm && std::count(firmware.begin(), firmware.end(), "uefi") == 0)
      throw support::invalid("an instance of this image cannot have a TPM: that needs UEFI, which it lacks",
                             "leave --tpm out, or build it with 'uefi' among its firmware");
  }

  void finish(Published& image, const Upload& upload, const support::Report& report) override {
    const auto there = home_.ec2().image(image.id);
    if (!there)
      throw failure(fmt::format("the AMI '{}' has just been removed by somebody else", image.id),
                    "publish it again");
    check_is_wanted(*there, upload);
    fs::remove(journal_file(upload));  // of one who was killed just before
    set_tags(*there, upload);
    std::erase_if(image.copies, [&](const Copied& copy) {
      return std::count(account_.regions.begin(), account_.regions.end(), copy.region) > 0;
    });
    if (!account_.regions.empty())
      copy(image, *there, upload, report);
    if (upload.share_with.empty())
      return;
    report("sharing");
    share(home_, *there, upload.share_with);
    for (const auto& [place, made] : copies_)
      share(*place, made, upload.share_with);
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

  /// The image last: while it is there, it says where its copies are.
  void remove(const Published& image) override {
    for (const auto& copy : image.copies)
      place(copy.region).remove(copy.id);
    place(image.region).remove(image.id);
  }

 private:
  Place& place(const std::string& region) {
    for (const auto& other : others_)
      if (other->region() == region)
        return *other;
    return home_;
  }

  /// Where there may be copies: those that were asked for, and those that our images say.
  std::vector<std::string> all_regions() const {
    std::set<std::string> regions(account_.regions.begin(), account_.regions.end());
    const auto add = [&](const Tags& tags) {
      std::istringstream words(of(tags, kRegions));
      for (std::string word; words >> word;)
        regions.insert(word);
    };
    for (const auto& image : home_.images())
      add(image.tags);
    for (const auto& snapshot : home_.snapshots())
      add(snapshot.tags);
    regions.erase(home_.region());
    return {regions.begin(), regions.end()};
  }

  /// AMIs, and snapshots without one.
  static std::vector<Published> found_in(const Place& place) {
    std::vector<Published> all;
    for (const auto& image : place.images()) {
      all.push_back(published(image.id, image.tags, image.created, place.region()));
      all.back().size = place.gigabytes_of(image) * kGigabyte;
      all.back().whole = image.state == "available" || image.state == "pending";
    }
    for (const auto& snapshot : place.remainders()) {
      all.push_back(published(snapshot.id, snapshot.tags, snapshot.created, place.region()));
      all.back().size = snapshot.gigabytes * kGigabyte;
      all.back().whole = false;
    }
    return all;
  }

  /// What came to another region from here is a copy of what is here. When that is gone, it is a remainder.
  void add_copies(std::vector<Published>& all, const Place& place) const {
    std::set<std::string> ours;
    for (const auto& image : place.images())
      if (of(image.tags, kSource) == home_.region())
        ours.insert(image.id);
    for (const auto& snapshot : place.snapshots())
      if (of(snapshot.tags, kSource) == home_.region())
        ours.insert(snapshot.id);
    for (auto& copy : found_in(place)) {
      if (!ours.contains(copy.id))
        continue;
      const auto image = std::find_if(all.begin(), all.end(), [&](const Published& one) {
        return one.region == home_.region() && one.name == copy.name && one.digest == copy.digest;
      });
      if (image != all.end()) {
        image->copies.push_back({copy.region, copy.id, copy.whole});
      } else {
        copy.whole = false;
        all.push_back(copy);
      }
    }
  }

  void check_is_wanted(const Image& there, const Upload& upload) const {
    const std::string key = of(there.tags, kKey), wanted = key_of(upload.keys, home_.region());
    const std::string hint = fmt::format("run 'vmimage unpublish {} --from aws' first", there.id);
    if (key != wanted)
      throw support::invalid(fmt::format("'{}' is this image, but encrypted with {}", there.id,
                                         key.empty() ? "no --kms-key" : "'" + key + "'"),
                             hint);
    if (upload.tpm && !there.tpm)
      throw support::invalid(fmt::format("'{}' is this image, but without a TPM", there.id), hint);
  }

  /// Tags that were asked for; and where copies will be, before there is one: so none is lost sight of.
  void set_tags(const Image& there, const Upload& upload) {
    std::vector<std::string> regions = account_.regions;
    std::istringstream words(of(there.tags, kRegions));
    for (std::string word; words >> word;)
      regions.push_back(word);
    std::sort(regions.begin(), regions.end());
    regions.erase(std::unique(regions.begin(), regions.end()), regions.end());
    Tags missing;
    Tags wanted = upload.tags;
    if (!regions.empty())
      wanted[kRegions] = fmt::format("{}", fmt::join(regions, " "));
    for (const auto& [name, value] : wanted) {
      const auto found = there.tags.find(name);
      if (found == there.tags.end() || found->second != value)
        missing[name] = value;
    }
    if (missing.empty())
      return;
    std::vector<std::string> resources = there.snapshots;
    resources.push_back(there.id);
    home_.ec2().tag(resources, missing);
  }

  void copy(Published& image, const Image& there, const Upload& upload, const support::Report& report) {
    std::vector<Place*> places;
    for (const auto& other : others_)
      if (std::count(account_.regions.begin(), account_.regions.end(), other->region()) > 0)
        places.push_back(other.get());
    const Source source{home_.region(), there, &upload};
    const auto made = copy_to(source, places, report);
    for (std::size_t i = 0; i < made.size(); ++i) {
      copies_.emplace_back(places[i], made[i]);
      image.copies.push_back({places[i]->region(), made[i].id});
    }
  }

  std::vector<Snapshot> left_of(const Upload& upload) const {
    std::vector<Snapshot> found;
    for (const auto& snapshot : home_.remainders())
      if (of(snapshot.tags, kName) == upload.name && of(snapshot.tags, kDigest) == upload.digest &&
          of(snapshot.tags, kKey) == key_of(upload.keys, home_.region()))
        found.push_back(snapshot);
    return found;
  }

  fs::path journal_file(const Upload& upload) const {
    const std::string key =
        fmt::format("{}\n{}\n{}\n{}", home_.region(), ebs_.service.url(), upload.name, upload.digest);
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

  /// The snapshots of images of that name, encrypted with the same key, the newest first.
  std::vector<std::string> possible_parents(const Upload& upload) const {
    std::map<std::string, std::string, std::greater<>> found;  // by time
    const std::uint64_t gigabytes = whole_units(upload.disk, kGigabyte);
    for (const auto& image : home_.images()) {
      if (of(image.tags, kName) != upload.name || of(image.tags, kKey) != key_of(upload.keys, home_.region()))
        continue;
      for (const auto& snapshot : home_.snapshots())
        if (image.snapshots == std::vector{snapshot.id} && snapshot.state == "completed" &&
            snapshot.gigabytes <= gigabytes)
          found[image.created] = snapshot.id;
    }
    std::vector<std::string> parents;
    for (const auto& [created, id] : found)
      parents.push_back(id);
    return parents;
  }

  /// The newest one whose blocks are known: an older one than the newest costs a few blocks more, but nothing
  /// has to be read. Where none is known (another machine has published them), those of the newest are read.
  std::pair<std::string, Blocks> find_parent(const Upload& upload, const support::Report& report) {
    const auto parents = possible_parents(upload);
    for (const auto& id : parents)
      if (const auto known = known_blocks(id))
        return {id, *known};
    if (parents.empty())
      return {};
    const auto ours = digests_of(*open_disk(upload.file), report);
    const auto learned = learn_blocks(ebs_, parents.front(), ours, report);
    if (!learned)
      return {};
    keep_blocks(parents.front(), *learned);
    return {parents.front(), *learned};
  }

  /// The blocks of the parent that the journal names; nothing when they are not known any more.
  std::optional<Blocks> blocks_of_parent(const Journal& journal) const {
    return journal.parent().empty() ? Blocks{} : known_blocks(journal.parent());
  }

  /// That which the journal names, when EBS still takes blocks for it; else a new one. Returns its parent's
  /// blocks.
  Blocks begin(const Upload& upload, const std::vector<Snapshot>& left, Client& client, Journal& journal,
               const support::Report& report) {
    const auto known = blocks_of_parent(journal);
    for (const auto& snapshot : left)
      if (known && snapshot.id == journal.snapshot() && snapshot.state == "pending")
        return *known;
    Start start{.gigabytes = whole_units(upload.disk, kGigabyte),
                .key = key_of(upload.keys, home_.region()),
                .description = fmt::format("{} {}", upload.name, upload.version),
                .tags = tags_of(upload, home_.region())};
    if (known && !journal.token().empty()) {
      start.token = journal.token();
      start.parent = journal.parent();
      try {
        journal.begin(start_snapshot(client, start), start.parent);
        return *known;
      } catch (const Refused&) {
        // What was asked for is something else now, or its parent is gone.
      }
    }
    Blocks parent_blocks;
    std::tie(start.parent, parent_blocks) = find_parent(upload, report);
    start.token = random_token();
    journal.ask(start.token, start.parent);
    journal.begin(start_snapshot(client, start), start.parent);
    return parent_blocks;
  }

  std::string upload_snapshot(const Upload& upload, const std::vector<Snapshot>& left, Journal& journal,
                              const support::Report& report) {
    Client client(ebs_);
    const Blocks parent = begin(upload, left, client, journal, report);
    const std::string id = journal.snapshot();
    report(journal.parent().empty() ? "uploading to " + id
                                    : "uploading to " + id + " what " + journal.parent() + " has not");
    try {
      const auto disk = open_disk(upload.file);
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
        const auto there = home_.ec2().snapshot(id);
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
      home_.ec2().remove_snapshot(id);
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
      const auto snapshot = home_.ec2().snapshot(id);
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
                              .tags = tags_of(upload, home_.region())};
    std::string id;
    try {
      id = home_.ec2().register_image(wanted);
    } catch (const Refused& refused) {
      if (refused.code() != "InvalidAMIName.Duplicate")
        throw Refused(
            refused.code(), refused.what(),
            fmt::format("{}{}all has arrived: publishing again sends nothing; 'vmimage unpublish {} "
                        "--from aws' removes it",
                        refused.hint(), refused.hint().empty() ? "" : "; ", snapshot));
      id = take_over(upload, wanted.name, snapshot);
    }
    Published image = published(id, wanted.tags, "", home_.region());
    wait("the AMI '" + id + "'", [&] {
      const auto there = home_.ec2().image(id);
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
    const auto there = home_.ec2().image_named(name);
    if (!there || of(there->tags, kDigest) != upload.digest || of(there->tags, kName) != upload.name)
      throw failure(fmt::format("failed to register the AMI: there is another one with the name '{}'", name),
                    "remove that one, or publish by another --name");
    if (there->snapshots != std::vector{snapshot})
      home_.ec2().remove_snapshot(snapshot);
    return there->id;
  }

  Account account_;
  Place home_;
  std::vector<std::unique_ptr<Place>> others_;
  std::vector<std::pair<Place*, Image>> copies_;
  Endpoint ebs_;
  cache::Cache cache_;
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
