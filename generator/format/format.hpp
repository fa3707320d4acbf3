#pragma once
// Disk image formats besides qcow2; qemu-img(1) does the writing.

#include <filesystem>
#include <string>
#include <vector>

namespace vmimage::format {

struct Format {
  std::string name;       ///< as in a recipe
  std::string extension;  ///< of its files, with the dot
  std::string driver;     ///< QEMU's name
  std::string options;    ///< for qemu-img -o
};

const std::vector<Format>& all();
/// Throws Error{Usage} for a name that is not known.
const Format& find(const std::string& name);

/// `from_driver` empty: QEMU finds it out. `to` is created or truncated.
void convert(const std::filesystem::path& from, const std::string& from_driver, const Format& format,
             const std::filesystem::path& to);

}  // namespace vmimage::format
