#pragma once
// EC2 as far as images go: AMIs, snapshots, and the launch templates that name them (Query API).

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "publish/aws/query.hpp"

namespace vmimage::publish::aws {

constexpr const char* kEc2Version = "2016-11-15";

using Tags = std::map<std::string, std::string>;

struct Snapshot {
  std::string id;
  std::string state;    ///< pending, completed, error
  std::string created;  ///< ISO 8601
  std::uint64_t gigabytes = 0;
  std::uint64_t percent = 0;  ///< that are done, of a copy
  Tags tags;
};

struct Image {
  std::string id;
  std::string name;
  std::string state;  ///< pending, available, failed …
  std::string created;
  std::vector<std::string> snapshots;
  bool tpm = false;
  Tags tags;
};

struct Registration {
  std::string name;
  std::string description;
  std::string snapshot;
  std::string boot_mode;
  bool tpm = false;
  Tags tags;
};

/// Of an AMI in another region.
struct Copy {
  std::string name;
  std::string description;
  std::string image;
  std::string region;
  std::string key;  ///< of the region that it is copied to; empty: as the account says
  std::string token;
  Tags tags;
};

class Ec2 {
 public:
  explicit Ec2(Endpoint& endpoint);
  /// Those of this account that have a tag of that name.
  std::vector<Image> images_tagged(const std::string& tag);
  std::vector<Snapshot> snapshots_tagged(const std::string& tag);
  std::optional<Image> image_named(const std::string& name);
  std::optional<Image> image(const std::string& id);
  std::optional<Snapshot> snapshot(const std::string& id);
  std::string register_image(const Registration& image);  ///< its identifier
  std::string copy_image(const Copy& copy);               ///< its identifier here
  void tag(const std::vector<std::string>& resources, const Tags& tags);
  void share_image(const std::string& id, const std::vector<std::string>& accounts);
  void share_snapshot(const std::string& id, const std::vector<std::string>& accounts);
  /// What new snapshots are encrypted with when nobody says: a key's ARN or alias; empty: they are not.
  std::string default_key();
  void deregister(const std::string& image);    ///< nothing to do when it is gone
  void remove_snapshot(const std::string& id);  ///< the same
  /// The launch template that names an image in any version, as "NAME, version N"; empty: none.
  std::string template_of(const std::string& image);

 private:
  std::vector<Image> images(const Parameters& parameters);
  std::vector<Snapshot> snapshots(const Parameters& parameters);
  Query query_;
};

}  // namespace vmimage::publish::aws
