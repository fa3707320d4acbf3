#pragma once
// Glance, OpenStack's registry of images (Image API v2).

#include <memory>
#include <string>

#include "publish/registry.hpp"

namespace vmimage::publish::openstack {

/// The body of the request that makes an image: its name, what servers need at least, and how their machines
/// have to be. JSON. Pure.
std::string image_request(const Upload& upload);

/// An image as Glance tells it, when it is one of ours. Pure.
Published read_image(const std::string& image);

std::unique_ptr<Registry> open_glance(const Account& account);

}  // namespace vmimage::publish::openstack
