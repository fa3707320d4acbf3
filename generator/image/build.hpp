#pragma once
// The whole way: recipe → root file system → disk → formats (docs/ARCHITECTURE.md).

#include <filesystem>
#include <string>
#include <vector>

#include "base/base.hpp"
#include "cache/cache.hpp"
#include "provision/plan.hpp"
#include "recipe/manifest.hpp"
#include "recipe/recipe.hpp"

namespace vmimage::image {

struct Built {
  std::vector<std::filesystem::path> files;  ///< <stem>.qcow2, further formats, <stem>.json
  recipe::Manifest manifest;
};

/// Builds an image into `folder`. Each file appears whole or not at all, the manifest last. Throws Error;
/// Error{Usage} for what the recipe's author can mend.
Built build_image(const recipe::Recipe& recipe, const std::filesystem::path& folder, const std::string& stem,
                  const cache::Cache& cache, const base::Progress& progress,
                  provision::OnFailure on_failure = provision::OnFailure::Stop);

/// Disks that images are copied from: their kind in the cache, and the file in an entry.
inline constexpr const char* kDiskKind = "disk";
inline constexpr const char* kDiskFile = "disk.qcow2";

/// The finished disk of a base (qcow2) in the cache, made when it is not there. `size` in bytes.
std::filesystem::path base_disk(const cache::Cache& cache, const base::Base& base, std::uint64_t size,
                                const base::Progress& progress);

/// Seconds since the epoch that stamp every file of an image: SOURCE_DATE_EPOCH
/// (reproducible-builds.org/specs/source-date-epoch), else 1980-01-01, the first day that FAT can tell.
std::int64_t image_time();

}  // namespace vmimage::image
