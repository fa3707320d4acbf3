#pragma once
// Copies of an AMI in other regions, and who may use it.

#include <memory>
#include <string>
#include <vector>

#include "publish/aws/place.hpp"
#include "publish/registry.hpp"

namespace vmimage::publish::aws {

struct Source {
  std::string region;
  Image image;
  const Upload* upload = nullptr;
};

/// The AMI of that source in each of the places: found there, or made and waited for, all at the same time.
/// When it fails in one the others are still brought to their end. Throws Error.
std::vector<Image> copy_to(const Source& source, const std::vector<Place*>& places,
                           const support::Report& report);

/// Lets other accounts start instances of it.
void share(Place& place, const Image& image, const std::vector<std::string>& accounts);

/// Throws Error{Usage} for what is no account, and where the account's settings encrypt what is published by
/// a key of AWS, which no other account can use.
void check_sharing(Place& place, const Upload& upload);

}  // namespace vmimage::publish::aws
