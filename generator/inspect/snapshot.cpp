#include "inspect/snapshot.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <sstream>

#include "base/dpkg.hpp"
#include "disk/boot_loader.hpp"
#include "filesystem/block_device.hpp"
#include "inspect/image.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::inspect {

using filesystem::Entry;
using filesystem::NodeType;
namespace fs = std::filesystem;

namespace {

constexpr const char* kDatabase = "/var/lib/dpkg";

/// Blocks that are not free.
std::uint64_t used_bytes(filesystem::BlockDevice& device, std::uint64_t offset) {
  const disk::ExtState state = disk::read_ext_state(device, offset);
  return state.size < state.free ? 0 : state.size - state.free;
}

std::uint64_t bytes_on_disk(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0)
    support::throw_errno("look at '" + file.string() + "'");
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

void add_owners(const Reader& files, Snapshot& snapshot) {
  const std::string info = std::string(kDatabase) + "/info";
  if (!files.status(info))
    return;
  for (const auto& name : files.list(info)) {
    if (!name.ends_with(".list"))
      continue;
    const std::string package = name.substr(0, name.find_first_of(":", 0));
    add_owned(snapshot.owners, package.ends_with(".list") ? package.substr(0, package.size() - 5) : package,
              text_of(files, info + "/" + name));
  }
}

void take_manifest(Snapshot& snapshot, const recipe::Manifest& manifest) {
  snapshot.manifest = manifest;
  snapshot.packages = manifest.packages;
}

}  // namespace

void add_owned(std::map<std::string, std::string>& owners, const std::string& package,
               const std::string& list) {
  std::istringstream lines(list);
  for (std::string path; std::getline(lines, path);) {
    // /usr is merged: packages of older suites name the folders at the root.
    for (const char* folder : {"/bin/", "/sbin/", "/lib/", "/lib64/"})
      if (path.starts_with(folder))
        path = "/usr" + path;
    if (path.size() > 2)
      owners[path] = package;
  }
}

Subject::Subject(const fs::path& path) {
  snapshot_.path = path.string();
  bool image = true;
  if (path.extension() == ".json" && fs::is_regular_file(path)) {
    try {
      image_of(path);
    } catch (const support::Error&) {  // nothing beside it
      image = false;
      take_manifest(snapshot_, recipe::parse_manifest(support::read_file(path), path.string()));
    }
  }
  if (image)
    opened_ = std::make_unique<Opened>(path);
}

void Subject::look() {
  if (!opened_) {
    for (const auto& file : snapshot_.manifest->files)
      if (!file.sha256.empty())
        snapshot_.files[file.path] = {.size = file.size, .target = {}, .sha256 = file.sha256};
    return;
  }
  snapshot_.whole = true;
  const Reader& files = opened_->files();
  if (const auto manifest = opened_->manifest())
    take_manifest(snapshot_, *manifest);
  else
    snapshot_.packages = base::parse_status(text_of(files, std::string(kDatabase) + "/status"));
  files.walk("/", [&](const Entry& entry) {
    const auto& [type, attributes, size, target] = entry.status;
    snapshot_.files[entry.path] = {.type = type,
                                   .mode = attributes.mode,
                                   .uid = attributes.uid,
                                   .gid = attributes.gid,
                                   .size = type == NodeType::File ? size : 0,
                                   .target = target,
                                   .sha256 = {},
                                   .inode = entry.inode};
  });
  add_owners(files, snapshot_);
  snapshot_.image_bytes = bytes_on_disk(opened_->path());
  snapshot_.root_bytes = used_bytes(opened_->device(), opened_->volume().partition.offset);
}

void Subject::read(const std::vector<std::string>& paths) {
  if (!opened_)
    return;  // the manifest has said it
  const Reader& files = opened_->files();
  for (const auto& path : paths) {
    support::check_interrupt();
    NodeState& state = snapshot_.files.at(path);
    Entry entry{path, {state.type, {}, state.size, {}}, state.inode};
    support::Digest digest;
    files.read(entry, [&](std::string_view bytes) { digest.raw(bytes.data(), bytes.size()); });
    state.sha256 = digest.hex();
  }
}

}  // namespace vmimage::inspect
