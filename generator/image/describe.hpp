#pragma once
// What is known about an image before it is written: its manifest, and the digest that names its content.

#include "base/base.hpp"
#include "image/provisioned.hpp"
#include "recipe/manifest.hpp"
#include "recipe/recipe.hpp"
#include "rootfs/tree.hpp"

namespace vmimage::image {

/// Raise when the same input gives another disk.
inline constexpr const char* kImageVersion = "2";

/// The manifest of an image with a disk of `disk` bytes, its digest included. `time`: image_time().
/// `provisioned`: what lies between base and service, or null.
recipe::Manifest describe(const recipe::Recipe& recipe, const base::Base& base, std::uint64_t disk,
                          const rootfs::Tree& tree, std::int64_t time, const Provisioned* provisioned);

}  // namespace vmimage::image
