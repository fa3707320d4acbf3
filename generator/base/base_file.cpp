#include "base/base_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include "filesystem/block_device.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::base {

using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr std::time_t kSettled = 2;  // seconds: a younger file may change without its times telling

struct stat status_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    support::throw_errno("read the base '" + path.string() + "'");
  return status;
}

std::string stamp_of(const struct stat& status) {
  return fmt::format("{}:{}:{}:{}.{}:{}.{}", status.st_dev, status.st_ino, status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                     status.st_ctim.tv_nsec);
}

/// Minutes for a large file: it says how far it is, and can be interrupted.
std::string digest_of(const fs::path& path, const support::Report& progress) {
  filesystem::RawFile file(path, filesystem::DeviceAccess::Read);
  support::Digest digest;
  std::string buffer(1 << 20, '\0');
  for (std::uint64_t at = 0; at < file.size(); at += buffer.size()) {
    support::check_interrupt();
    const auto part = std::min<std::uint64_t>(buffer.size(), file.size() - at);
    file.read(at, buffer.data(), part);
    digest.raw(buffer.data(), part);
    progress.bytes(at + part, file.size());
  }
  return digest.hex();
}

void require_file(const fs::path& path) {
  const auto refuse = [&](const char* why, const char* hint) {
    throw invalid(fmt::format("failed to open the base '{}': {}", path.string(), why), hint);
  };
  const fs::file_status status = fs::status(path);
  if (!fs::exists(status))
    refuse("no such file", "name a disk image, or a tar archive of a root file system");
  if (fs::is_directory(status))
    refuse("it is a folder", "pack it as a tar archive, or name a disk image");
  if (!fs::is_regular_file(status))
    refuse("it is no plain file", "copy it to a file first");
  if (fs::file_size(path) == 0)
    refuse("it is empty", "fetch or make it again");
}

}  // namespace

BaseFile open_base_file(const cache::Cache& cache, const fs::path& path, const support::Report& progress) {
  require_file(path);
  BaseFile file{fs::canonical(path), "", ""};
  const struct stat status = status_of(file.path);
  file.stamp = stamp_of(status);
  const auto digest = [&] {
    progress("reading " + file.path.string());
    const std::string sha256 = digest_of(file.path, progress);
    require_unchanged(file);
    return sha256;
  };
  if (std::max(status.st_mtim.tv_sec, status.st_ctim.tv_sec) + kSettled > std::time(nullptr)) {
    file.sha256 = digest();
    return file;
  }
  const std::string key = support::Digest().add(file.path.string()).add(file.stamp).hex();
  const fs::path entry = cache.entry("digest", key, [&](const fs::path& folder) {
    support::write_file_atomic(folder / "sha256", digest());
  });
  file.sha256 = support::read_file(entry / "sha256");
  return file;
}

void require_unchanged(const BaseFile& file) {
  if (stamp_of(status_of(file.path)) != file.stamp)
    throw support::failure(
        fmt::format("failed to read the base '{}': it changed meanwhile", file.path.string()),
        "build again when it is complete");
}

}  // namespace vmimage::base
