#include "image/describe.hpp"

#include <algorithm>
#include <map>

#include "support/digest.hpp"

namespace vmimage::image {

using base::Base;
using recipe::Recipe;

namespace {

std::vector<recipe::Package> all_packages(const Base& base) {
  std::vector<recipe::Package> packages = base.packages;
  packages.insert(packages.end(), base.kit.packages.begin(), base.kit.packages.end());
  std::sort(packages.begin(), packages.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return packages;
}

recipe::Boot boot_of(const Base& base) {
  if (base.brought)
    return base.brought->boot;
  return {"sha256:" + base.kit.digest, base.kit.kernel_version, "/EFI/BOOT/BOOTX64.EFI",
          base::kernel_command_line()};
}

void add(recipe::Manifest& manifest, const Provisioned& provisioned) {
  manifest.package_files = provisioned.package_files;
  manifest.provision = provisioned.scripts;
  std::map<std::string, recipe::FileRecord> files;
  for (const auto& record : provisioned.files)
    files[record.path] = record;
  for (const auto& record : manifest.files)  // the service's come last
    files[record.path] = record;
  manifest.files.clear();
  for (const auto& [path, record] : files)
    manifest.files.push_back(record);
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

}  // namespace

recipe::Manifest describe(const Recipe& recipe, const Base& base, std::uint64_t disk,
                          const rootfs::Tree& tree, std::int64_t time, const Provisioned* provisioned) {
  recipe::Manifest manifest;
  manifest.name = recipe.name;
  manifest.version = recipe.version;
  manifest.base = base.name;
  manifest.base_digest = "sha256:" + base.digest;
  manifest.lock_digest = base.lock_digest;
  manifest.init = base.init;
  manifest.service = recipe.service;
  manifest.command = recipe.command;
  manifest.environment = recipe.environment;
  manifest.user = recipe.user;
  manifest.volumes = recipe.volumes;
  manifest.ports = recipe.ports;
  manifest.health = recipe.health;
  manifest.size = recipe.size;
  manifest.disk = disk;
  manifest.formats = recipe.formats;
  manifest.boot = boot_of(base);
  manifest.packages = all_packages(base);
  manifest.files = rootfs::records(tree);
  if (provisioned)
    add(manifest, *provisioned);
  manifest.time = time;
  manifest.digest = image_digest(manifest, tree, time);
  return manifest;
}

}  // namespace vmimage::image
