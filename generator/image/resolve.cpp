#include "image/resolve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "base/package_files.hpp"
#include "image/provisioned.hpp"
#include "rootfs/closure.hpp"
#include "stack/java.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/json.hpp"

namespace vmimage::image {

using base::Base;
using base::Progress;
using recipe::Recipe;
using support::invalid;
namespace fs = std::filesystem;

namespace {

/// VERSION_CODENAME of this machine (os-release(5)); empty when it has none.
std::string host_suite() {
  std::ifstream stream("/etc/os-release");
  const std::string key = "VERSION_CODENAME=";
  for (std::string line; std::getline(stream, line);)
    if (line.starts_with(key))
      return line.substr(key.size());
  return {};
}

/// Those of the recipe, and what the first start of an instance needs.
std::set<std::string> named_packages(const Recipe& recipe) {
  std::set<std::string> names(recipe.packages.begin(), recipe.packages.end());
  if (!recipe.volumes.empty())
    names.insert("e2fsprogs");
  return names;
}

std::set<std::string> names_of(const std::vector<recipe::Package>& packages) {
  std::set<std::string> names;
  for (const auto& package : packages)
    names.insert(package.name);
  return names;
}

/// Libraries were linked on this machine: a base of another suite has other versions of them.
void require_same_suite(const Base& base, const rootfs::Library& library) {
  if (host_suite() != base.suite)
    throw invalid(
        fmt::format("failed to find '{}' in the base {}: the service was linked on '{}'", library.name,
                    base.name, host_suite().empty() ? "another system" : host_suite()),
        fmt::format("build on {}, link statically, or take the base 'minimal' or debian:{}", base.suite,
                    host_suite()));
}

/// rootfs::owning_packages(), remembered for as long as no package is installed or removed: dpkg-query reads
/// the file lists of all packages, which takes longer than the rest of what is done for a changed service.
std::map<fs::path, std::string> known_owners(const cache::Cache& cache,
                                             const std::vector<rootfs::Library>& libraries) {
  const fs::path database = "/var/lib/dpkg/status";
  std::error_code absent;
  const auto changed = fs::last_write_time(database, absent).time_since_epoch().count();
  if (absent)
    return rootfs::owning_packages(libraries);
  support::Digest key;
  key.add(std::to_string(changed)).add(std::to_string(fs::file_size(database)));
  for (const auto& library : libraries)
    key.add(library.path.string());
  const fs::path entry = cache.entry("owners", key.hex(), [&](const fs::path& folder) {
    support::json owners = support::json::object();
    for (const auto& [path, package] : rootfs::owning_packages(libraries))
      owners[path.string()] = package;
    support::write_file_atomic(folder / "owners.json", owners.dump());
  });
  std::map<fs::path, std::string> owners;
  const auto known = support::parse_json(support::read_file(entry / "owners.json"), "owners.json");
  for (const auto& [path, package] : known.items())
    owners[path] = package;
  return owners;
}

base::PackageOrigin package_origin(const Recipe& recipe) {
  base::PackageOrigin origin{.mirror = recipe.mirror, .lock = nullptr, .kernel = recipe.kernel};
  if (recipe.lock)
    origin.lock = std::make_shared<const recipe::Lock>(read_lock(*recipe.lock));
  return origin;
}

/// A file has the libraries that it has; what it lacks goes along.
void add_lacking(rootfs::Tree& tree, const Base& base, const std::vector<rootfs::Library>& libraries) {
  std::vector<rootfs::Library> lacking;
  for (const auto& library : libraries) {
    if (base.libraries->contains(library.path.filename()))
      require_same_suite(base, library);
    else
      lacking.push_back(library);
  }
  rootfs::add_libraries(tree, lacking);
}

/// Packages of the archives that the recipe's package files need, and that the base does not have.
std::vector<std::string> package_file_needs(const cache::Cache& cache, const Recipe& recipe, const Base& base,
                                            const std::vector<base::PackageFile>& files,
                                            const base::PackageOrigin& origin, const Progress& progress) {
  if (files.empty())
    return {};
  const std::string status = base.status.empty()
                                 ? dpkg_status(cache, base, recipe.disk.value_or(base.default_disk), progress)
                                 : support::read_file(base.status);
  if (status.empty())
    throw invalid(fmt::format("failed to install '{}': the base {} has no dpkg",
                              files[0].path.filename().string(), base.name),
                  "take a base of Debian or Ubuntu, or bring the files as a tree");
  return base::needed_by(cache, files, recipe.base, status, origin, progress);
}

}  // namespace

recipe::Lock read_lock(const fs::path& file) {
  if (!fs::is_regular_file(file))
    throw invalid(fmt::format("failed to read the lock '{}': no such file", file.string()),
                  "make it: vmimage base lock");
  return recipe::parse_lock(support::read_file(file), file.string());
}

std::vector<std::string> needed_packages(const cache::Cache& cache, const Recipe& given) {
  if (given.base == "minimal")
    return {};
  const Recipe recipe = stack::with_java(given, cache);
  std::set<std::string> needed = named_packages(recipe);
  for (const auto& [library, owner] : known_owners(cache, rootfs::host_libraries(rootfs::collect(recipe))))
    needed.insert(owner);
  if (!recipe.package_files.empty()) {
    const Progress silent = [](const std::string&) {};
    const base::PackageOrigin origin{.mirror = recipe.mirror};
    const Base base = base::open_base(cache, recipe.base, {needed.begin(), needed.end()}, origin, silent);
    const auto files = base::read_package_files(recipe.package_files);
    for (const auto& name : package_file_needs(cache, recipe, base, files, origin, silent))
      needed.insert(name);
  }
  return {needed.begin(), needed.end()};
}

Base resolve(const cache::Cache& cache, const Recipe& recipe,
             const std::vector<base::PackageFile>& package_files, rootfs::Tree& tree,
             const Progress& progress) {
  const base::PackageOrigin origin = package_origin(recipe);
  const std::vector<rootfs::Library> libraries = rootfs::host_libraries(tree);
  if (recipe.base == "minimal") {
    rootfs::add_libraries(tree, libraries);
    return base::open_base(cache, recipe.base, {}, origin, progress);
  }
  const Base plain = base::open_base(cache, recipe.base, {}, origin, progress);
  if (plain.libraries) {
    add_lacking(tree, plain, libraries);
    package_file_needs(cache, recipe, plain, package_files, origin,
                       progress);  // all that they need must be there
    return plain;
  }
  const std::set<std::string> present = names_of(plain.packages);
  std::set<std::string> wanted = named_packages(recipe);
  const auto owners = known_owners(cache, libraries);
  std::vector<rootfs::Library> travelling;
  for (const auto& library : libraries) {
    const auto owner = owners.find(library.path);
    if (owner == owners.end()) {
      travelling.push_back(library);
      continue;
    }
    require_same_suite(plain, library);
    wanted.insert(owner->second);
  }
  rootfs::add_libraries(tree, travelling);
  std::vector<std::string> missing;
  std::set_difference(wanted.begin(), wanted.end(), present.begin(), present.end(),
                      std::back_inserter(missing));
  Base base = missing.empty() ? plain : base::open_base(cache, recipe.base, missing, origin, progress);
  const std::vector<std::string> more =
      package_file_needs(cache, recipe, base, package_files, origin, progress);
  missing.insert(missing.end(), more.begin(), more.end());
  return more.empty() ? base : base::open_base(cache, recipe.base, missing, origin, progress);
}

}  // namespace vmimage::image
