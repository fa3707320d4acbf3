#pragma once
// Packages that come as files (.deb) and not from an archive: what they are, and what they need.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/base.hpp"

namespace vmimage::base {

struct PackageFile {
  std::filesystem::path path;
  std::string sha256;
  std::string name, version, architecture;
  std::uint64_t installed =
      0;  ///< bytes, as it says itself (Installed-Size, deb-control(5)); 0: it does not say
};

/// Looks at each. Throws Error{Usage} for one that is not there, is no package, is for another machine, or is
/// there twice.
std::vector<PackageFile> read_package_files(const std::vector<std::filesystem::path>& files);

/// Throws Error{Usage} unless all of each can be unpacked. Reads them whole.
void require_whole(const std::vector<PackageFile>& files);

/// In which order dpkg takes them: those that others pre-depend on first.
std::vector<PackageFile> in_order(std::vector<PackageFile> files);

/// The packages of the base's archives that these need, and that the base does not have; with a lock there
/// are none. `status` is the text of the base's dpkg database. Throws Error{Usage} for what cannot be met,
/// naming it.
std::vector<std::string> needed_by(const cache::Cache& cache, const std::vector<PackageFile>& files,
                                   const std::string& base, const std::string& status,
                                   const PackageOrigin& origin, const Progress& progress);

/// What is wrong, out of what apt says, on one line: "orders : Depends: libfoo (>= 2) but it is not
/// installable"; empty when it says no such thing. Pure.
std::string unmet_dependencies(const std::string& refusal);

}  // namespace vmimage::base
