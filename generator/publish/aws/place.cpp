#include "publish/aws/place.hpp"

#include <algorithm>
#include <future>
#include <set>

namespace vmimage::publish::aws {

std::string of(const Tags& tags, const char* name) {
  const auto found = tags.find(name);
  return found == tags.end() ? "" : found->second;
}

void Place::look() {
  images_ = ec2_.images_tagged(kDigest);
  snapshots_ = ec2_.snapshots_tagged(kDigest);
}

std::vector<Snapshot> Place::remainders() const {
  std::set<std::string> used;
  for (const auto& image : images_)
    used.insert(image.snapshots.begin(), image.snapshots.end());
  std::vector<Snapshot> found;
  for (const auto& snapshot : snapshots_)
    if (!used.contains(snapshot.id))
      found.push_back(snapshot);
  return found;
}

std::uint64_t Place::gigabytes_of(const Image& image) const {
  std::uint64_t gigabytes = 0;
  for (const auto& snapshot : snapshots_)
    if (std::count(image.snapshots.begin(), image.snapshots.end(), snapshot.id) > 0)
      gigabytes += snapshot.gigabytes;
  return gigabytes;
}

void Place::remove(const std::string& id) {
  if (!id.starts_with("ami-"))
    return ec2_.remove_snapshot(id);
  const auto there = ec2_.image(id);
  ec2_.deregister(id);
  if (there)
    for (const auto& snapshot : there->snapshots)
      ec2_.remove_snapshot(snapshot);
}

std::vector<std::unique_ptr<Place>> look_at(const std::string& profile,
                                            const std::vector<std::string>& regions) {
  std::vector<std::future<std::unique_ptr<Place>>> looking;
  for (const auto& region : regions)
    looking.push_back(std::async(std::launch::async, [&profile, &region] {
      auto place = std::make_unique<Place>(profile, region);
      place->look();
      return place;
    }));
  std::vector<std::unique_ptr<Place>> places;
  for (auto& one : looking)
    places.push_back(one.get());
  return places;
}

}  // namespace vmimage::publish::aws
