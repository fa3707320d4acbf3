#include "publish/aws/ec2.hpp"

#include <fmt/format.h>

#include <cstring>
#include <pugixml.hpp>

namespace vmimage::publish::aws {

using namespace std::chrono_literals;

namespace {

Tags tags_of(const pugi::xml_node& node) {
  Tags tags;
  for (const auto& item : node.child("tagSet"))
    tags[item.child_value("key")] = item.child_value("value");
  return tags;
}

Image image_of(const pugi::xml_node& node) {
  Image image{node.child_value("imageId"),
              node.child_value("name"),
              node.child_value("imageState"),
              node.child_value("creationDate"),
              {},
              !node.child("tpmSupport").empty(),
              tags_of(node)};
  for (const auto& item : node.child("blockDeviceMapping"))
    if (const std::string id = item.child("ebs").child_value("snapshotId"); !id.empty())
      image.snapshots.push_back(id);
  return image;
}

/// "<prefix>.1.Key", "<prefix>.1.Value" and so on.
void add_tags(Parameters& parameters, const std::string& prefix, const Tags& tags) {
  int number = 0;
  for (const auto& [name, value] : tags) {
    const std::string tag = fmt::format("{}.{}.", prefix, ++number);
    parameters.emplace_back(tag + "Key", name);
    parameters.emplace_back(tag + "Value", value);
  }
}

bool is_gone(const Refused& refused) {
  return refused.code().ends_with(".NotFound") || refused.code() == "InvalidAMIID.Unavailable";
}

}  // namespace

Ec2::Ec2(Endpoint& endpoint) : query_(endpoint, kEc2Version) {}

std::vector<Image> Ec2::images(const Parameters& parameters) {
  std::vector<Image> found;
  query_.each("list the AMIs", "DescribeImages", parameters, "/*/imagesSet/item",
              [&](const pugi::xml_node& node) { found.push_back(image_of(node)); });
  return found;
}

std::vector<Snapshot> Ec2::snapshots(const Parameters& parameters) {
  std::vector<Snapshot> found;
  query_.each("list the snapshots", "DescribeSnapshots", parameters, "/*/snapshotSet/item",
              [&](const pugi::xml_node& node) {
                found.push_back({node.child_value("snapshotId"), node.child_value("status"),
                                 node.child_value("startTime"), node.child("volumeSize").text().as_ullong(),
                                 node.child("progress").text().as_ullong(), tags_of(node)});
              });
  return found;
}

std::vector<Image> Ec2::images_tagged(const std::string& tag) {
  return images({{"Owner.1", "self"}, {"Filter.1.Name", "tag-key"}, {"Filter.1.Value.1", tag}});
}

std::vector<Snapshot> Ec2::snapshots_tagged(const std::string& tag) {
  return snapshots({{"Owner.1", "self"}, {"Filter.1.Name", "tag-key"}, {"Filter.1.Value.1", tag}});
}

std::optional<Image> Ec2::image_named(const std::string& name) {
  const auto found = images({{"Owner.1", "self"}, {"Filter.1.Name", "name"}, {"Filter.1.Value.1", name}});
  return found.empty() ? std::nullopt : std::optional(found.front());
}

std::optional<Image> Ec2::image(const std::string& id) {
  const auto found = images({{"Filter.1.Name", "image-id"}, {"Filter.1.Value.1", id}});
  return found.empty() ? std::nullopt : std::optional(found.front());
}

std::optional<Snapshot> Ec2::snapshot(const std::string& id) {
  const auto found = snapshots({{"Filter.1.Name", "snapshot-id"}, {"Filter.1.Value.1", id}});
  return found.empty() ? std::nullopt : std::optional(found.front());
}

std::string Ec2::register_image(const Registration& image) {
  Parameters parameters{{"Name", image.name},
                        {"Description", image.description},
                        {"Architecture", "x86_64"},
                        {"VirtualizationType", "hvm"},
                        {"EnaSupport", "true"},
                        {"ImdsSupport", "v2.0"},
                        {"BootMode", image.boot_mode},
                        {"RootDeviceName", "/dev/xvda"},
                        {"BlockDeviceMapping.1.DeviceName", "/dev/xvda"},
                        {"BlockDeviceMapping.1.Ebs.SnapshotId", image.snapshot},
                        {"BlockDeviceMapping.1.Ebs.VolumeType", "gp3"},
                        {"BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"},
                        {"TagSpecification.1.ResourceType", "image"}};
  if (image.tpm)
    parameters.emplace_back("TpmSupport", "v2.0");
  add_tags(parameters, "TagSpecification.1.Tag", image.tags);
  return query_.call("register the AMI", "RegisterImage", parameters)
      .document_element()
      .child_value("imageId");
}

std::string Ec2::copy_image(const Copy& copy) {
  Parameters parameters{{"Name", copy.name},           {"Description", copy.description},
                        {"SourceImageId", copy.image}, {"SourceRegion", copy.region},
                        {"ClientToken", copy.token},   {"TagSpecification.1.ResourceType", "image"}};
  add_tags(parameters, "TagSpecification.1.Tag", copy.tags);
  parameters.emplace_back("TagSpecification.2.ResourceType", "snapshot");
  add_tags(parameters, "TagSpecification.2.Tag", copy.tags);
  if (!copy.key.empty()) {
    parameters.emplace_back("Encrypted", "true");
    parameters.emplace_back("KmsKeyId", copy.key);
  }
  return query_.call("copy the AMI '" + copy.image + "'", "CopyImage", parameters)
      .document_element()
      .child_value("imageId");
}

void Ec2::tag(const std::vector<std::string>& resources, const Tags& tags) {
  Parameters parameters;
  add_numbered(parameters, "ResourceId", resources);
  add_tags(parameters, "Tag", tags);
  query_.call("tag '" + resources.front() + "'", "CreateTags", parameters);
}

void Ec2::share_image(const std::string& id, const std::vector<std::string>& accounts) {
  Parameters parameters{{"ImageId", id}};
  add_numbered(parameters, "LaunchPermission.Add", accounts, ".UserId");
  query_.call("share the AMI '" + id + "'", "ModifyImageAttribute", parameters);
}

void Ec2::share_snapshot(const std::string& id, const std::vector<std::string>& accounts) {
  Parameters parameters{{"SnapshotId", id}, {"Attribute", "createVolumePermission"}};
  add_numbered(parameters, "CreateVolumePermission.Add", accounts, ".UserId");
  query_.call("share the snapshot '" + id + "'", "ModifySnapshotAttribute", parameters);
}

std::string Ec2::default_key() {
  const auto said = query_.call("see whether snapshots are encrypted", "GetEbsEncryptionByDefault", {});
  if (!said.document_element().child("ebsEncryptionByDefault").text().as_bool())
    return "";
  return query_.call("see what snapshots are encrypted with", "GetEbsDefaultKmsKeyId", {})
      .document_element()
      .child_value("kmsKeyId");
}

void Ec2::deregister(const std::string& image) {
  try {
    query_.call("deregister the AMI '" + image + "'", "DeregisterImage", {{"ImageId", image}});
  } catch (const Refused& refused) {
    if (!is_gone(refused))
      throw;
  }
}

void Ec2::remove_snapshot(const std::string& id) {
  constexpr int kTries = 30;  // the AMI that used it may be there for a moment more
  for (int tries = 1;; ++tries) {
    try {
      query_.call("remove the snapshot '" + id + "'", "DeleteSnapshot", {{"SnapshotId", id}});
      return;
    } catch (const Refused& refused) {
      if (is_gone(refused))
        return;
      if (refused.code() != "InvalidSnapshot.InUse" || tries == kTries)
        throw;
    }
    pause(2s);
  }
}

std::string Ec2::template_of(const std::string& image) {
  std::vector<std::string> templates;
  query_.each(
      "list the launch templates", "DescribeLaunchTemplates", {}, "/*/launchTemplates/item",
      [&](const pugi::xml_node& node) { templates.emplace_back(node.child_value("launchTemplateId")); });
  std::string user;
  for (const auto& id : templates)
    query_.each("look at the launch template '" + id + "'", "DescribeLaunchTemplateVersions",
                {{"LaunchTemplateId", id}, {"Filter.1.Name", "image-id"}, {"Filter.1.Value.1", image}},
                "/*/launchTemplateVersionSet/item", [&](const pugi::xml_node& node) {
                  user = fmt::format("{}, version {}", node.child_value("launchTemplateName"),
                                     node.child_value("versionNumber"));
                });
  return user;
}

}  // namespace vmimage::publish::aws
