#include "image/build.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include "disk/assemble.hpp"
#include "disk/gpt.hpp"
#include "filesystem/block_device.hpp"
#include "format/format.hpp"
#include "image/program.hpp"
#include "rootfs/closure.hpp"
#include "rootfs/service.hpp"
#include "rootfs/tree.hpp"
#include "rootfs/users.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmimage::image {

using base::Base;
using base::Progress;
using filesystem::Ext4;
using recipe::Recipe;
using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr const char* kImageVersion = "2";  // raise when the same input gives another disk

/// VERSION_CODENAME of this machine (os-release(5)); empty when it has none.
std::string host_suite() {
  std::ifstream stream("/etc/os-release");
  const std::string key = "VERSION_CODENAME=";
  for (std::string line; std::getline(stream, line);)
    if (line.starts_with(key))
      return line.substr(key.size());
  return {};
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

/// The base for the recipe, with the packages that the tree's libraries come from; what no package owns, or
/// what the base has no packages for, goes into the tree.
Base resolve(const cache::Cache& cache, const Recipe& recipe, rootfs::Tree& tree, const Progress& progress) {
  const std::vector<rootfs::Library> libraries = rootfs::host_libraries(tree);
  if (recipe.base == "minimal") {
    rootfs::add_libraries(tree, libraries);
    return base::open_base(cache, recipe.base, {}, recipe.mirror, progress);
  }
  const Base plain = base::open_base(cache, recipe.base, {}, recipe.mirror, progress);
  const std::set<std::string> present = names_of(plain.packages);
  std::set<std::string> wanted(recipe.packages.begin(), recipe.packages.end());
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
  return missing.empty() ? plain : base::open_base(cache, recipe.base, missing, recipe.mirror, progress);
}

std::vector<recipe::Package> all_packages(const Base& base) {
  std::vector<recipe::Package> packages = base.packages;
  packages.insert(packages.end(), base.kit.packages.begin(), base.kit.packages.end());
  std::sort(packages.begin(), packages.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return packages;
}

recipe::Manifest describe(const Recipe& recipe, const Base& base, std::uint64_t disk,
                          const rootfs::Tree& tree) {
  recipe::Manifest manifest;
  manifest.name = recipe.name;
  manifest.version = recipe.version;
  manifest.base = recipe.base;
  manifest.base_digest = "sha256:" + base.digest;
  manifest.init = base.init;
  manifest.service = recipe.service;
  manifest.command = recipe.command;
  manifest.environment = recipe.environment;
  manifest.user = recipe.user;
  manifest.ports = recipe.ports;
  manifest.health = recipe.health;
  manifest.size = recipe.size;
  manifest.disk = disk;
  manifest.formats = recipe.formats;
  manifest.boot = {"sha256:" + base.kit.digest, base.kit.kernel_version, "/EFI/BOOT/BOOTX64.EFI",
                   base::kernel_command_line()};
  manifest.packages = all_packages(base);
  manifest.files = rootfs::records(tree);
  return manifest;
}

/// Over everything that the image's bytes follow from: what the manifest says, who owns what, and the time.
std::string image_digest(const recipe::Manifest& manifest, const rootfs::Tree& tree, std::int64_t time) {
  support::Digest digest;
  digest.add(kImageVersion).add(std::to_string(time)).add(recipe::to_json(manifest));
  for (const auto& [path, node] : tree)
    digest.add(path)
        .add(std::to_string(node.mode))
        .add(node.owner)
        .add(node.type == filesystem::NodeType::Symlink ? node.content : "");
  return "sha256:" + digest.hex();
}

void ensure_user(Ext4& root, const Recipe& recipe) {
  const auto text = [&](const char* path) { return root.status(path) ? root.read(path) : std::string(); };
  const rootfs::UserFiles before{text("/etc/passwd"), text("/etc/group"), text("/etc/shadow")};
  if (rootfs::has_user(before.passwd, recipe.user))
    return;
  const auto after = rootfs::add_system_user(before, recipe.user, rootfs::state_folder(recipe));
  const auto write = [&](const char* path, const std::string& content) {
    filesystem::Attributes attributes = root.status(path).value().attributes;
    attributes.mtime.reset();
    root.write_file(path, attributes, content);
  };
  write("/etc/passwd", after.passwd);
  write("/etc/group", after.group);
  if (!before.shadow.empty())
    write("/etc/shadow", after.shadow);
}

/// Puts service, user and manifest into a copy of the base's disk.
recipe::Manifest install(const fs::path& disk, const Recipe& recipe, const Base& base, std::uint64_t size,
                         rootfs::Tree tree) {
  filesystem::NbdImage device(disk, "qcow2", filesystem::DeviceAccess::Write);
  const auto partitions = disk::read_gpt(device, disk.string());
  const auto& partition = disk::partition_of_type(partitions, disk::kRootX8664Type, disk.string());
  const std::int64_t time = image_time();
  Ext4 root(device, partition.offset, Ext4::Access::Write, time);
  if (!recipe.command.empty()) {
    const std::string program = locate_program(recipe, tree, root);
    ensure_user(root, recipe);
    rootfs::add_service(tree, recipe, base.init, program);
  }
  recipe::Manifest manifest = describe(recipe, base, size, tree);
  manifest.digest = image_digest(manifest, tree, time);
  rootfs::write(tree, root);
  root.write_file(recipe::kManifestPath, {.mode = 0644}, recipe::to_json(manifest));
  root.close();
  device.close();
  return manifest;
}

}  // namespace

std::int64_t image_time() {
  constexpr std::int64_t kFirstDayOfFat = 315532800;
  constexpr std::int64_t kLastDayOfFat = 4354819198;  // 2107-12-31
  const char* text = std::getenv("SOURCE_DATE_EPOCH");
  if (!text || !*text)
    return kFirstDayOfFat;
  char* end = nullptr;
  const long long seconds = std::strtoll(text, &end, 10);
  if (*end != '\0' || seconds < 0 || seconds > kLastDayOfFat)
    throw invalid(fmt::format("SOURCE_DATE_EPOCH is '{}'", text),
                  "give seconds since 1970 as a number, up to the year 2107");
  return std::max<std::int64_t>(seconds, kFirstDayOfFat);
}

fs::path base_disk(const cache::Cache& cache, const Base& base, std::uint64_t size,
                   const Progress& progress) {
  const disk::DiskPlan plan{size, base.digest, image_time()};
  const std::string key = support::Digest()
                              .add(kImageVersion)
                              .add(base.digest)
                              .add(base.kit.digest)
                              .add(std::to_string(size))
                              .add(std::to_string(plan.time))
                              .hex();
  const fs::path folder = cache.entry("disk", key, [&](const fs::path& work) {
    progress("disk of " + base.name);
    disk::assemble_disk(plan, base.kit, base.populate, work / "disk.qcow2");
  });
  return folder / "disk.qcow2";
}

Built build_image(const Recipe& recipe, const fs::path& folder, const std::string& stem,
                  const cache::Cache& cache, const Progress& progress) {
  rootfs::Tree tree = rootfs::collect(recipe);
  check_programs(recipe, tree);
  const Base base = resolve(cache, recipe, tree, progress);
  const std::uint64_t size = recipe.disk.value_or(base.default_disk);
  const fs::path prepared = base_disk(cache, base, size, progress);

  fs::create_directories(folder);
  const auto output = [&](const std::string& extension) { return folder / (stem + extension); };
  support::PendingFile image(output(".qcow2"));
  progress("image " + stem);
  support::copy_sparse(prepared, image.path());
  const recipe::Manifest manifest = install(image.path(), recipe, base, size, std::move(tree));

  Built built{{output(".qcow2")}, manifest};
  std::vector<std::unique_ptr<support::PendingFile>> others;
  for (const auto& name : recipe.formats) {
    const format::Format& format = format::find(name);
    if (name == "qcow2")
      continue;
    progress("format " + name);
    others.push_back(std::make_unique<support::PendingFile>(output(format.extension)));
    format::convert(image.path(), "qcow2", format, others.back()->path());
    built.files.push_back(output(format.extension));
  }
  for (const auto& other : others)
    other->commit();
  image.commit();
  support::write_file_atomic(output(".json"), recipe::to_json(manifest));
  built.files.push_back(output(".json"));
  return built;
}

}  // namespace vmimage::image
