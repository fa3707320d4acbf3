// A base that is there already: a disk image, or a root file system as a tar archive. Which of the two it is,
// is found out from its content.

#include "base/file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/guest_files.hpp"
#include "guest/guest.hpp"
#include "support/archive.hpp"
#include "support/digest.hpp"

namespace vmimage::base {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMembers = 64;  // of an archive that are looked at

bool is_disk(const fs::path& member) {
  static const std::vector<std::string> endings{".ovf",   ".vmdk", ".raw", ".img",
                                                ".qcow2", ".vdi",  ".vhd", ".vhdx"};
  return member.parent_path() == "/" &&
         std::find(endings.begin(), endings.end(), member.extension()) != endings.end();
}

}  // namespace

bool is_root_tar(const fs::path& file) {
  const std::vector<std::string> members = support::first_members(file, kMembers);
  return !members.empty() && std::none_of(members.begin(), members.end(), is_disk);
}

std::string system_key(const BaseFile& file, const char* version) {
  support::Digest digest;
  digest.add(version).add(file.sha256);
  std::vector<GuestFile> files = settings_files();
  files.push_back(network_file());
  for (const auto& guest : files)
    digest.add(guest.path).add(std::to_string(guest.mode)).add(guest::file(guest.name));
  return digest.hex();
}

Base base_of(const BaseFile& file, System system, const Progress& progress) {
  for (const auto& warning : system.warnings)
    progress(fmt::format("note: {}: {}", file.name(), warning));
  Base base;
  base.name = file.name();
  base.suite = std::move(system.suite);
  base.init = std::move(system.init);
  base.digest = file.sha256;
  base.packages = std::move(system.packages);
  base.libraries = std::move(system.libraries);
  base.additions = std::move(system.additions);
  return base;
}

Base file_base(const cache::Cache& cache, const fs::path& path, const PackageOrigin& origin,
               const Progress& progress) {
  progress("base " + path.filename().string());
  const BaseFile file = open_base_file(cache, path, progress);
  return is_root_tar(file.path) ? root_tar_base(cache, file, origin, progress)
                                : disk_image_base(cache, file, progress);
}

}  // namespace vmimage::base
