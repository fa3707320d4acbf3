#include "publish/aws/copies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <random>
#include <regex>

#include "publish/aws/ami.hpp"

namespace vmimage::publish::aws {

using namespace std::chrono_literals;
using support::failure;
using support::invalid;

namespace {

/// AWS copies at its own pace, and many regions at once take longer.
constexpr auto kPatience = 2h;

/// One copy on its way.
struct Way {
  Place* place = nullptr;
  std::string id;             ///< empty: it could not be begun
  std::optional<Image> done;  ///< available
  std::uint64_t percent = 0;
  std::string failed;  ///< why it will not come
};

/// The copy that is there, or on its way; one that failed is removed.
std::string find_copy(Place& place, const Source& source) {
  std::string found;
  for (const auto& image : place.images()) {
    if (of(image.tags, kSource) != source.region || of(image.tags, kName) != source.upload->name ||
        of(image.tags, kDigest) != source.upload->digest)
      continue;
    if (image.state == "available" || image.state == "pending")
      found = image.id;
    else
      place.remove(image.id);
  }
  return found;
}

Way begin(Place& place, const Source& source) {
  Way way{.place = &place, .id = {}, .done = {}, .failed = {}};
  try {
    way.id = find_copy(place, source);
    if (!way.id.empty())
      return way;
    std::random_device random;
    Tags tags = tags_of(*source.upload, place.region());
    tags[kSource] = source.region;
    way.id = place.ec2().copy_image(
        {.name = source.image.name,
         .description = fmt::format("{} {}", source.upload->name, source.upload->version),
         .image = source.image.id,
         .region = source.region,
         .key = key_of(source.upload->keys, place.region()),
         .token = fmt::format("vmimage-{:08x}{:08x}", random(), random()),
         .tags = tags});
  } catch (const support::Error& error) {
    if (error.kind() == support::ErrorKind::Interrupted)
      throw;
    way.failed = error.what();
  }
  return way;
}

void look_after(Way& way) {
  const auto image = way.place->ec2().image(way.id);
  if (!image)
    return;  // EC2 does not know it yet everywhere
  if (image->state == "available") {
    way.percent = 100;
    way.done = image;
  } else if (image->state != "pending") {
    way.failed = fmt::format("the copy '{}' is '{}', not 'available'", way.id, image->state);
  } else if (!image->snapshots.empty()) {
    if (const auto snapshot = way.place->ec2().snapshot(image->snapshots.front()))
      way.percent = snapshot->percent;
  }
}

bool is_under_way(const Way& way) {
  return !way.done && way.failed.empty();
}

void wait_for(std::vector<Way>& ways, std::uint64_t bytes, const support::Report& report) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (auto time = 200ms; std::any_of(ways.begin(), ways.end(), is_under_way);
       time = std::min<std::chrono::milliseconds>(2 * time, 5s)) {
    pause(time);
    std::uint64_t percent = 0;
    for (auto& way : ways) {
      if (is_under_way(way))
        look_after(way);
      percent += way.percent;
      if (is_under_way(way) && std::chrono::steady_clock::now() > end)
        way.failed = fmt::format("the copy '{}' is not ready within two hours", way.id);
    }
    report.bytes(bytes * percent / 100, bytes * ways.size());
  }
}

}  // namespace

std::vector<Image> copy_to(const Source& source, const std::vector<Place*>& places,
                           const support::Report& report) {
  std::vector<std::string> names;
  for (const auto& place : places)
    names.push_back(place->region());
  report(fmt::format("copying to {}", fmt::join(names, ", ")));
  std::vector<Way> ways;
  for (const auto& place : places)
    ways.push_back(begin(*place, source));
  wait_for(ways, source.upload->disk, report);
  std::vector<Image> images;
  std::vector<std::string> failed;
  for (const auto& way : ways) {
    if (way.done)
      images.push_back(*way.done);
    else
      failed.push_back(way.place->region() + ": " + way.failed);
  }
  if (!failed.empty())
    throw failure(fmt::format("failed to copy '{}' to {}", source.image.id, fmt::join(failed, "; ")),
                  "publish it again: what is there is not copied again");
  return images;
}

void share(Place& place, const Image& image, const std::vector<std::string>& accounts) {
  for (const auto& snapshot : image.snapshots)  // an AMI that can be started has its snapshot already
    place.ec2().share_snapshot(snapshot, accounts);
  place.ec2().share_image(image.id, accounts);
}

void check_sharing(Place& place, const Upload& upload) {
  static const std::regex number("[0-9]{12}");
  for (const auto& account : upload.share_with)
    if (!std::regex_match(account, number))
      throw invalid(fmt::format("--share-with '{}' is no AWS account", account), "give its 12 digits");
  if (upload.share_with.empty() || !upload.keys.empty())
    return;
  if (place.ec2().default_key().find("alias/aws/") != std::string::npos)
    throw invalid(
        fmt::format("what is published in {} is encrypted by the key that AWS keeps for this account, "
                    "and can be shared with no other one",
                    place.region()),
        "give --kms-key, a key that these accounts may use");
}

}  // namespace vmimage::publish::aws
