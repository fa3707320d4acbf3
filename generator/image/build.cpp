#include "image/build.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "disk/assemble.hpp"
#include "disk/gpt.hpp"
#include "disk/root.hpp"
#include "filesystem/qcow2.hpp"
#include "image/describe.hpp"
#include "image/formats.hpp"
#include "image/program.hpp"
#include "image/provisioned.hpp"
#include "image/resolve.hpp"
#include "image/room.hpp"
#include "image/secure_boot.hpp"
#include "rootfs/service.hpp"
#include "rootfs/tree.hpp"
#include "rootfs/users.hpp"
#include "rootfs/volume.hpp"
#include "secrets/check.hpp"
#include "stack/java.hpp"
#include "stack/node.hpp"
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

/// Where on the base's disk the root file system is. On a disk that was assembled there is no need to look at
/// what is in its partitions.
std::uint64_t root_offset(filesystem::BlockDevice& device, const Base& base) {
  if (base.brought)
    return disk::find_root(device, disk::read_layout(device, base.name), base.name).partition.offset;
  return disk::partition_of_type(disk::read_gpt(device, base.name), disk::kRootX8664Type, base.name).offset;
}

/// Puts service, user and manifest into a copy of the base's disk.
recipe::Manifest install(const fs::path& disk, const Recipe& recipe, const Base& base, std::uint64_t size,
                         rootfs::Tree tree, const Provisioned* provisioned) {
  filesystem::Qcow2Image device(disk);
  const std::int64_t time = image_time();
  Ext4 root(device, root_offset(device, base), Ext4::Access::Write, time);
  if (!recipe.command.empty()) {
    const std::string program = locate_program(recipe, tree, root);
    ensure_user(root, recipe);
    rootfs::add_service(tree, recipe, base.init, program);
  }
  rootfs::add_volumes(tree, recipe);
  tree.insert(base.additions.begin(), base.additions.end());
  recipe::Manifest manifest = describe(recipe, base, size, tree, time, provisioned);
  rootfs::write(tree, root);
  root.write_file(recipe::kManifestPath, {.mode = 0644}, recipe::to_json(manifest));
  root.close();  // flushes the device too
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

namespace {

std::string disk_key(const Base& base, const disk::DiskPlan& plan) {
  return support::Digest()
      .add(kImageVersion)
      .add(base.digest)
      .add(base.kit.digest)
      .add(std::to_string(plan.size))
      .add(std::to_string(plan.time))
      .hex();
}

/// The finished disk of the base, checked while it is copied.
void copy_base_disk(const cache::Cache& cache, const Base& base, std::uint64_t size, const fs::path& target,
                    const Progress& progress) {
  const std::string key = disk_key(base, {size, base.digest, image_time()});
  if (cache.copy_out(kDiskKind, key, kDiskFile, target))
    return;
  base_disk(cache, base, size, progress);
  if (!cache.copy_out(kDiskKind, key, kDiskFile, target))
    throw support::failure(
        fmt::format("failed to read the disk of the base {}: it is another one each time", base.name),
        "is a disk or the memory of this machine damaged?");
}

}  // namespace

fs::path base_disk(const cache::Cache& cache, const Base& base, std::uint64_t size,
                   const Progress& progress) {
  const disk::DiskPlan plan{size, base.digest, image_time()};
  const fs::path folder = cache.entry(kDiskKind, disk_key(base, plan), [&](const fs::path& work) {
    progress("disk of " + base.name);
    if (base.brought)
      base.brought->write(size, work / kDiskFile);
    else
      disk::assemble_disk(plan, base.kit, base.populate, work / kDiskFile);
  });
  return folder / kDiskFile;
}

namespace {

/// Packages by file and scripts: the base's packages are afterwards what dpkg says there.
std::optional<Provisioned> provisioned_disk(const cache::Cache& cache, const Recipe& recipe, Base& base,
                                            const std::vector<base::PackageFile>& package_files,
                                            std::uint64_t size, rootfs::Tree& tree,
                                            provision::OnFailure on_failure, const Progress& progress) {
  if (!is_provisioned(recipe))
    return std::nullopt;
  const rootfs::Tree before = recipe.provision.empty() ? rootfs::Tree() : rootfs::collect_given(recipe);
  auto provisioned = provision_disk(cache, recipe, base, package_files, before, size, on_failure, progress);
  base.packages = provisioned.packages;
  for (const auto& [path, node] : before)  // the scripts have seen these files, and may have changed them
    if (node.type != filesystem::NodeType::Directory)
      tree.erase(path);
  return provisioned;
}

Built build(const Recipe& recipe, const fs::path& folder, const std::string& stem, const cache::Cache& cache,
            const Progress& progress, provision::OnFailure on_failure) {
  rootfs::Tree tree = rootfs::collect(recipe);
  secrets::check(recipe, tree);
  check_programs(recipe, tree);
  if (recipe.secure_boot)
    check_signing_key(*recipe.secure_boot);
  const auto package_files = base::read_package_files(recipe.package_files);
  Base base = resolve(cache, recipe, package_files, tree, progress);
  if (recipe.secure_boot)
    sign_kit(cache, *recipe.secure_boot, base.kit, progress);
  const std::uint64_t size = disk_size(recipe, base, package_files, tree);
  const auto provisioned =
      provisioned_disk(cache, recipe, base, package_files, size, tree, on_failure, progress);
  stack::check_native_modules(tree, base.packages);
  fs::create_directories(folder);
  const auto output = [&](const std::string& extension) { return folder / (stem + extension); };
  support::PendingFile image(output(".qcow2"));
  progress("image " + stem);
  if (!provisioned)
    copy_base_disk(cache, base, size, image.path(), progress);
  else if (!cache.copy_out(kDiskKind, provisioned->key, kDiskFile, image.path()))
    throw cache::Damaged(support::ErrorKind::Failure,
                         fmt::format("failed to read the disk of {} in the cache", recipe.name), "try again");
  const recipe::Manifest manifest =
      install(image.path(), recipe, base, size, std::move(tree), provisioned ? &*provisioned : nullptr);

  Built built{{output(".qcow2")}, manifest};
  std::vector<Target> targets;
  for (const auto& name : recipe.formats)
    if (name != "qcow2") {
      const format::Format& format = format::find(name);
      targets.push_back({&format, output(format.extension)});
      built.files.push_back(targets.back().file);
    }
  if (!targets.empty())
    write_formats(format::find_disk(image.path()), describe(manifest), targets, progress);
  image.commit();
  support::write_file_atomic(output(".json"), recipe::to_json(manifest), 0644, support::Sync::No);
  built.files.push_back(output(".json"));
  return built;
}

}  // namespace

Built build_image(const Recipe& given, const fs::path& folder, const std::string& stem,
                  const cache::Cache& cache, const Progress& progress, provision::OnFailure on_failure) {
  const Recipe recipe = stack::with_java(given, cache);
  return cache.mending([&](const cache::Cache& checked) {
    return build(recipe, folder, stem, checked, progress, on_failure);
  });
}

}  // namespace vmimage::image
