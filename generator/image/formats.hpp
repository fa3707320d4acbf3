#pragma once
// An image in further formats.

#include <filesystem>
#include <string>
#include <vector>

#include "base/base.hpp"
#include "format/format.hpp"
#include "recipe/manifest.hpp"

namespace vmimage::image {

/// What formats say of an image that was made here.
format::Description describe(const recipe::Manifest& manifest);
/// The same for any other disk image: a name from its file, identifiers from its beginning.
format::Description describe_foreign(const format::Source& source, filesystem::BlockDevice& disk);

/// Writes a disk in several formats: all of the files appear, or none.
struct Target {
  const format::Format* format;
  std::filesystem::path file;
};
void write_formats(const format::Source& source, const format::Description& about,
                   const std::vector<Target>& targets, const base::Progress& progress);

}  // namespace vmimage::image
