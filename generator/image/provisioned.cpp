#include "image/provisioned.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/dpkg.hpp"
#include "base/package_files.hpp"
#include "disk/root.hpp"
#include "filesystem/qcow2.hpp"
#include "guest/guest.hpp"
#include "image/build.hpp"
#include "inspect/copy.hpp"
#include "inspect/reader.hpp"
#include "provision/sandbox.hpp"
#include "rootfs/closure.hpp"
#include "rootfs/tarball.hpp"
#include "rootfs/tree.hpp"
#include "support/descriptor.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/json.hpp"

namespace vmimage::image {

using base::Base;
using base::PackageFile;
using base::Progress;
using filesystem::Ext4;
using filesystem::NodeType;
using recipe::Recipe;
using recipe::Script;
using support::invalid;
using support::json;
namespace fs = std::filesystem;

namespace {

constexpr const char* kVersion = "2";  // raise when the same input gives other changes, or other records
constexpr const char* kDpkgStatus = "/var/lib/dpkg/status";
constexpr const char* kInstaller = "install-package-files";

/// What one step changed, in the cache.
struct Layer {
  fs::path tar;
  std::vector<std::string> removed;
};

/// A script, and the digest of all that its outcome follows from but what was there before.
struct Prepared {
  Script script;
  std::string name;
  std::string sha256;
};

/// All that making the disk takes; the keys say what each state of the root file system follows from.
struct Work {
  const cache::Cache& cache;
  const Base& base;
  std::uint64_t size;
  provision::OnFailure on_failure;
  const Progress& progress;
  std::int64_t time;
  const std::vector<PackageFile>& package_files;
  bool enable_units;  ///< of the package files
  const rootfs::Tree& files;
  std::vector<Prepared> scripts = {};
  std::string base_key = {}, packages_key = {}, files_key = {};
  std::vector<std::string> script_keys = {};
};

Prepared prepare(const Script& script) {
  const std::string path = script.file.string();
  if (!fs::is_regular_file(script.file))
    throw invalid(fmt::format("failed to read the script '{}': no such file", path),
                  "relative paths are against the recipe's folder");
  const auto kind = rootfs::program_kind(script.file);
  if (kind != rootfs::ProgramKind::Script && kind != rootfs::ProgramKind::Elf)
    throw invalid(fmt::format("failed to use the script '{}': it does not say what runs it", path),
                  "let it start with a line like #!/bin/sh");
  return {script, script.file.filename().string(), support::sha256_file(script.file)};
}

std::string tree_digest(const rootfs::Tree& tree) {
  support::Digest digest;
  for (const auto& [path, node] : tree)
    digest.add(path)
        .add(std::to_string(static_cast<int>(node.type)))
        .add(std::to_string(node.mode))
        .add(node.type == NodeType::File ? support::sha256_file(node.source) : node.content);
  return digest.hex();
}

void set_keys(Work& work) {
  work.base_key = support::Digest()
                      .add(kVersion)
                      .add(work.base.digest)
                      .add(work.base.kit.digest)
                      .add(std::to_string(work.time))
                      .hex();
  support::Digest packages;
  packages.add(work.base_key);
  if (!work.package_files.empty())
    packages.add(guest::file(kInstaller)).add(work.enable_units ? "enable" : "");
  for (const auto& file : work.package_files)
    packages.add(file.sha256);
  work.packages_key = packages.hex();
  work.files_key = support::Digest().add(work.packages_key).add(tree_digest(work.files)).hex();
  std::string before = work.files_key;
  for (const auto& script : work.scripts)
    work.script_keys.push_back(before = support::Digest()
                                            .add(before)
                                            .add(script.name)
                                            .add(script.sha256)
                                            .add(script.script.network ? "network" : "")
                                            .hex());
}

/// Opens the root file system of a disk that is a file of ours.
template <typename Action>
auto in_root(const fs::path& disk, std::int64_t time, Action action) {
  filesystem::Qcow2Image device(disk);
  const disk::Layout layout = disk::read_layout(device, disk.string());
  const auto& volume = disk::find_root(device, layout, disk.string());
  Ext4 root(device, volume.partition.offset, Ext4::Access::Write, time);
  const auto result = action(root);
  root.close();
  return result;
}

std::unique_ptr<inspect::Reader> root_reader(filesystem::BlockDevice& device, const fs::path& disk) {
  const disk::Layout layout = disk::read_layout(device, disk.string());
  return inspect::open_reader(device, disk::find_root(device, layout, disk.string()), disk.string());
}

/// The root file system of a disk as a tar; `key` says what is in it.
fs::path root_tar(const cache::Cache& cache, const std::string& key, const fs::path& disk) {
  const fs::path folder = cache.entry("roottar", key, [&](const fs::path& work) {
    const fs::path tar = work / "root.tar";
    const support::Descriptor file(::open(tar.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!file.open())
      support::throw_errno("write '" + tar.string() + "'");
    filesystem::Qcow2Image device(disk);
    inspect::tar_out(*root_reader(device, disk), "/", file.fd);
  });
  return folder / "root.tar";
}

/// What a step changes in the root file system that `disk` has with the layers on top. From the cache, or the
/// step runs.
Layer run_step(const Work& work, const std::string& key, const std::string& disk_key, const fs::path& disk,
               const std::vector<Layer>& layers, const std::function<provision::Step()>& step) {
  const fs::path folder = work.cache.entry("layer", key, [&](const fs::path& entry) {
    provision::Plan plan{.layers = {{root_tar(work.cache, disk_key, disk), {}}},
                         .steps = {step()},
                         .result = entry / "changes.tar",
                         .time = work.time,
                         .on_failure = work.on_failure};
    for (const auto& layer : layers)
      plan.layers.push_back({layer.tar, layer.removed});
    const std::string& name = plan.steps[0].name;
    work.progress("running " + name);
    const auto removed = provision::run_plan(
        plan, [&](const std::string& line) { work.progress(fmt::format("{}: {}", name, line)); });
    support::write_file_atomic(entry / "removed.json",
                               json(removed).dump(-1, ' ', true, json::error_handler_t::replace));
  });
  const auto removed = support::parse_json(support::read_file(folder / "removed.json"), "removed.json");
  return {folder / "changes.tar", removed.get<std::vector<std::string>>()};
}

/// dpkg, on the packages in this order. `folder` is there as long as the step.
provision::Step install_step(const Work& work, const fs::path& folder) {
  provision::Step step{.name = "the installation of " + work.package_files.at(0).path.filename().string(),
                       .argv = {std::string(provision::kStepFolder) + "/" + kInstaller},
                       .files = {},
                       .environment = {{"ENABLE_UNITS", work.enable_units ? "yes" : "no"}},
                       .timeout = Script::kTimeout};
  if (work.package_files.size() > 1)
    step.name += fmt::format(" and {} more", work.package_files.size() - 1);
  support::write_file_atomic(folder / kInstaller, guest::file(kInstaller), 0755);
  step.files.push_back({folder / kInstaller, kInstaller});
  std::string order;
  for (const auto& file : base::in_order(work.package_files)) {
    const std::string name = file.name + ".deb";
    step.files.push_back({fs::absolute(file.path), name});
    order += name + "\n";
  }
  support::write_file_atomic(folder / "order", order);
  step.files.push_back({folder / "order", "order"});
  return step;
}

provision::Step script_step(const Prepared& prepared) {
  const Script& script = prepared.script;
  return {.name = prepared.name,
          .argv = {std::string(provision::kStepFolder) + "/" + prepared.name},
          .files = {{fs::absolute(script.file), prepared.name}},
          .environment = {},
          .network = script.network ? provision::Network::Host : provision::Network::None,
          .timeout = script.timeout};
}

std::vector<std::string> apply(const Work& work, const fs::path& disk, const Layer& layer) {
  return in_root(disk, work.time,
                 [&](Ext4& root) { return rootfs::write_changes(root, layer.tar, layer.removed); });
}

/// What is there now of these paths.
json records(Ext4& root, const std::set<std::string>& paths) {
  json list = json::array();
  for (const auto& path : paths) {
    const auto status = root.status(path);
    if (status && status->type == NodeType::Symlink) {
      list.push_back({{"path", path}, {"size", 0}, {"sha256", ""}, {"sha1", ""}});
    } else if (status && status->type == NodeType::File) {
      support::BothDigests digests;
      root.read(path, [&](std::string_view bytes) { digests.raw(bytes.data(), bytes.size()); });
      const auto [sha256, sha1] = digests.hex();
      list.push_back({{"path", path}, {"size", status->size}, {"sha256", sha256}, {"sha1", sha1}});
    }
  }
  return list;
}

/// The disk into `folder`, and beside it what is to be said of it.
void make(const Work& work, const fs::path& folder) {
  const fs::path disk = folder / kDiskFile;
  const fs::path below = base_disk(work.cache, work.base, work.size, work.progress);
  support::copy_sparse(below, disk);
  if (!work.package_files.empty()) {
    const support::TempDir files;
    apply(work, disk, run_step(work, work.packages_key, work.base_key, below, {}, [&] {
            base::require_whole(work.package_files);
            return install_step(work, files.path());
          }));
  }
  std::set<std::string> paths;
  if (!work.files.empty())
    in_root(disk, work.time, [&](Ext4& root) {
      rootfs::write(work.files, root);
      return 0;
    });
  for (const auto& file : work.files)
    paths.insert(file.first);
  std::vector<Layer> layers;
  for (std::size_t i = 0; i < work.scripts.size(); ++i)
    layers.push_back(run_step(work, work.script_keys[i], work.files_key, disk, layers,
                              [&] { return script_step(work.scripts[i]); }));
  for (const auto& layer : layers)
    for (const auto& path : apply(work, disk, layer))
      paths.insert(path);
  in_root(disk, work.time, [&](Ext4& root) {
    const json files = records(root, paths);
    support::write_file_atomic(folder / "files.json",
                               files.dump(-1, ' ', true, json::error_handler_t::replace));
    support::write_file_atomic(folder / "status", root.status(kDpkgStatus) ? root.read(kDpkgStatus) : "");
    return 0;
  });
}

/// Packages as dpkg lists them; what is known of those of the base already stays.
std::vector<recipe::Package> packages_now(const Base& base, const std::string& status) {
  if (status.empty())
    return base.packages;
  std::vector<recipe::Package> packages = base::parse_status(status);
  for (auto& package : packages)
    for (const auto& known : base.packages)
      if (known.name == package.name && known.version == package.version)
        package.license = known.license;
  return packages;
}

}  // namespace

bool is_provisioned(const Recipe& recipe) {
  return !recipe.package_files.empty() || !recipe.provision.empty();
}

Provisioned provision_disk(const cache::Cache& cache, const Recipe& recipe, const Base& base,
                           const std::vector<PackageFile>& package_files, const rootfs::Tree& files,
                           std::uint64_t size, provision::OnFailure on_failure, const Progress& progress) {
  Work work{.cache = cache,
            .base = base,
            .size = size,
            .on_failure = on_failure,
            .progress = progress,
            .time = image_time(),
            .package_files = package_files,
            .enable_units = recipe.command.empty(),
            .files = files};
  for (const auto& script : recipe.provision)
    work.scripts.push_back(prepare(script));
  set_keys(work);

  Provisioned made;
  made.key = support::Digest()
                 .add(work.script_keys.empty() ? work.files_key : work.script_keys.back())
                 .add(std::to_string(size))
                 .hex();
  const fs::path folder = cache.entry(kDiskKind, made.key, [&](const fs::path& entry) { make(work, entry); },
                                      {"files.json", "status"});
  made.packages = packages_now(base, support::read_file(folder / "status"));
  for (const auto& file : support::parse_json(support::read_file(folder / "files.json"), "files.json"))
    made.files.push_back({file.at("path"), file.at("size"), file.at("sha256"), file.at("sha1")});
  for (const auto& file : work.package_files)
    made.package_files.push_back({file.path.filename().string(), file.sha256});
  for (const auto& script : work.scripts)
    made.scripts.push_back({script.name, script.sha256});
  return made;
}

std::string dpkg_status(const cache::Cache& cache, const Base& base, std::uint64_t size,
                        const Progress& progress) {
  const fs::path disk = base_disk(cache, base, size, progress);
  filesystem::Qcow2Image device(disk);
  return inspect::text_of(*root_reader(device, disk), kDpkgStatus);
}

}  // namespace vmimage::image
