#pragma once
// What lies between a base and the service: packages by file, then files and overlays, then what scripts make
// of that. All of it is one disk in the cache, which images are copied from, so that a changed service runs
// no script again; and what each package file set or script changed is kept by itself.

#include <string>
#include <vector>

#include "base/base.hpp"
#include "base/package_files.hpp"
#include "cache/cache.hpp"
#include "provision/plan.hpp"
#include "recipe/manifest.hpp"
#include "recipe/recipe.hpp"

namespace vmimage::image {

/// Whether there is any such thing in the recipe. Files and overlays alone are none: they go in with the
/// service then.
bool is_provisioned(const recipe::Recipe& recipe);

/// A disk in the cache, and what is to be said of it.
struct Provisioned {
  std::string key;  ///< of the disk in the cache, as those of bases are kept (build.hpp)
  std::vector<recipe::Package> packages;  ///< all that dpkg knows of; without the kit's
  std::vector<recipe::FileRecord> files;  ///< what files, overlays and scripts put there
  std::vector<recipe::Input> package_files, scripts;
};

/// `files`: what is there before the scripts (rootfs::collect_given()). From the cache, or made: then scripts
/// run, each in a root file system of its own in memory (provision/). Throws Error{Usage} for what the
/// recipe's author can mend, Error{Failure} when a script fails.
Provisioned provision_disk(const cache::Cache& cache, const recipe::Recipe& recipe, const base::Base& base,
                           const std::vector<base::PackageFile>& package_files, const rootfs::Tree& files,
                           std::uint64_t size, provision::OnFailure on_failure,
                           const base::Progress& progress);

/// The text of dpkg's database on the disk of a base; empty when it has none.
std::string dpkg_status(const cache::Cache& cache, const base::Base& base, std::uint64_t size,
                        const base::Progress& progress);

}  // namespace vmimage::image
