#pragma once
// From an image of any format to what registries take.

#include <filesystem>
#include <memory>
#include <string>

#include "publish/registry.hpp"
#include "support/file.hpp"

namespace vmimage::publish {

struct Prepared {
  Upload upload;
  std::shared_ptr<support::TempDir> converted;  ///< holds the file, when it had to be made
};

/// What git says of the folder that a file is in: its commit, with "-dirty" when something there is not in
/// it; empty where there is none.
std::string revision_of(const std::filesystem::path& file);

/// `image`: an image, or the manifest beside one. One that is no whole qcow2 file is converted, in $TMPDIR.
/// `name`: empty: the image's own. Throws Error{Usage} when the image is damaged, or none.
Prepared prepare(const std::filesystem::path& image, const std::string& name, const support::Report& report);

/// Publishes an image as it is, unless it is there; its identifier in the registry.
std::string publish_image(Registry& registry, const std::filesystem::path& image,
                          const support::Report& report);

}  // namespace vmimage::publish
