#pragma once
// EC2 in one region, and what of ours is there.

#include <memory>
#include <string>
#include <vector>

#include "publish/aws/ec2.hpp"

namespace vmimage::publish::aws {

// Names of tags, by which everything of ours is found again.
constexpr const char* kName = "vmimage:name";
constexpr const char* kVersion = "vmimage:version";
constexpr const char* kDigest = "vmimage:digest";
constexpr const char* kKey = "vmimage:key";          ///< that was asked for
constexpr const char* kRegions = "vmimage:regions";  ///< where copies of it are looked for
constexpr const char* kSource = "vmimage:source";    ///< of a copy: the region that it came from

/// A tag's value; empty: there is none.
std::string of(const Tags& tags, const char* name);

class Place {
 public:
  Place(const std::string& profile, const std::string& region)
      : identity_(profile, region), endpoint_(identity_, "ec2", "EC2", 4), ec2_(endpoint_) {}
  const std::string& region() const { return identity_.region(); }
  Identity& identity() { return identity_; }
  Ec2& ec2() { return ec2_; }

  void look();  ///< what images() and the rest tell is what was there then
  const std::vector<Image>& images() const { return images_; }
  const std::vector<Snapshot>& snapshots() const { return snapshots_; }
  std::vector<Snapshot> remainders() const;  ///< snapshots that no AMI has
  std::uint64_t gigabytes_of(const Image& image) const;
  /// An AMI and its snapshots, or a snapshot.
  void remove(const std::string& id);

 private:
  Identity identity_;
  Endpoint endpoint_;
  Ec2 ec2_;
  std::vector<Image> images_;
  std::vector<Snapshot> snapshots_;
};

/// Those of several regions, all looked at at once. Throws what one of them threw.
std::vector<std::unique_ptr<Place>> look_at(const std::string& profile,
                                            const std::vector<std::string>& regions);

}  // namespace vmimage::publish::aws
