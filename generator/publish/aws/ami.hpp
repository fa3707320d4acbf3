#pragma once
// AMIs: EC2's registry of images. Each is a snapshot of EBS, and what EC2 is told of it.

#include <memory>
#include <string>

#include "publish/aws/ec2.hpp"
#include "publish/registry.hpp"

namespace vmimage::publish::aws {

/// A name that EC2 takes, equal for equal images: "orders-1.4.0-0123456789ab". Pure.
std::string ami_name(const Upload& upload);
/// As RegisterImage calls it. Pure.
std::string boot_mode(const std::vector<std::string>& firmware);
/// Of keys, that of a region: "arn:aws:kms:<region>:<account>:key/<id>"; empty: none. Pure.
std::string key_of(const std::vector<std::string>& keys, const std::string& region);
/// What images of ours are told apart by, in that region. Pure.
Tags tags_of(const Upload& upload, const std::string& region);
/// Throws Error{Usage} for tags that AWS does not take, or that are ours. Pure.
void check_tags(const Tags& tags);
/// The same for keys that are none, or none of those regions. Pure.
void check_keys(const std::vector<std::string>& keys, const std::vector<std::string>& regions);

std::unique_ptr<Registry> open_ami(const Account& account);

}  // namespace vmimage::publish::aws
