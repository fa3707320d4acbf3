#include "base/packages.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/json.hpp"

namespace vmimage::base {

using recipe::Pin;
using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr const char* kPackageKind = "package";
constexpr const char* kFileName = "package.deb";
constexpr const char* kPinsVersion = "2";  // raise when the same archives give other pins

const Pin* find(const std::vector<Pin>& pins, const std::string& name) {
  const auto found = std::find_if(pins.begin(), pins.end(), [&](const Pin& pin) { return pin.name == name; });
  return found == pins.end() ? nullptr : &*found;
}

std::vector<Pin> joined(std::vector<Pin> pins, const std::vector<Pin>& more) {
  pins.insert(pins.end(), more.begin(), more.end());
  std::sort(pins.begin(), pins.end(), [](const Pin& a, const Pin& b) { return a.name < b.name; });
  return pins;
}

[[noreturn]] void not_locked(const std::string& name) {
  throw invalid(fmt::format("the lock does not have the package '{}'", name),
                "make the lock again with it: vmimage base lock");
}

/// Pins as a lock without anything else, which is how they are kept.
std::string pins_text(const std::vector<Pin>& pins) {
  recipe::Lock lock;
  lock.base = "pins";
  lock.base_packages = pins;
  return recipe::to_json(lock);
}

/// Why a package could not be had.
[[noreturn]] void refuse(const Pin& pin, const fs::path& folder, const std::string& why, bool locked) {
  const std::string by_lock = locked ? "move the lock to what it has now: vmimage base update" : "";
  const bool differs = fs::exists(folder / pin.sha256) || fs::exists(folder / (pin.sha256 + ".FAILED")) ||
                       why.find("Hash Sum mismatch") != std::string::npos ||
                       why.find("unexpected size") != std::string::npos;
  if (differs)
    throw invalid(fmt::format("failed to download the package {}: its bytes are not those of SHA-256 {}",
                              title(pin), pin.sha256),
                  locked ? by_lock : "the mirror is damaged, or being updated: try again");
  if (why.find("404") != std::string::npos || why.find("File not found") != std::string::npos)
    throw invalid(
        fmt::format("failed to find the package {}: the mirror does not have it any more", title(pin)),
        locked ? by_lock + ", or give a mirror that keeps old versions: \"mirror\" in the recipe"
               : "look what it has now: vmimage base update");
  throw support::failure(fmt::format("failed to download the package {}: {}", title(pin), why));
}

void download(const cache::Cache& cache, const std::vector<std::string>& sources,
              const std::vector<Pin>& pins, bool locked) {
  const support::TempDir work;
  const std::string why = apt_download(sources, pins, work.path());
  for (const auto& pin : pins) {
    const fs::path file = work.path() / pin.sha256;
    if (!fs::exists(file) || support::sha256_file(file) != pin.sha256)
      refuse(pin, work.path(), why, locked);
    cache.entry(kPackageKind, pin.sha256,
                [&](const fs::path& folder) { fs::copy_file(file, folder / kFileName); });
  }
}

}  // namespace

std::string title(const Pin& pin) {
  return fmt::format("'{}' {}", pin.name, pin.version);
}

Packages::Packages(const cache::Cache& cache, Suite suite, PackageOrigin origin)
    : cache_(cache), suite_(std::move(suite)), origin_(std::move(origin)) {}

std::vector<Pin> Packages::remembered(const std::string& what, const std::vector<std::string>& names,
                                      const std::function<std::vector<Pin>(Index&)>& find) const {
  Index index(cache_, suite_, origin_.mirror, origin_.view);
  support::Digest key;
  key.add(kPinsVersion).add(index.digest()).add(what);
  for (const auto& name : names)
    key.add(name);
  const fs::path entry = cache_.entry("pins", key.hex(), [&](const fs::path& folder) {
    support::write_file_atomic(folder / "pins.json", pins_text(find(index)));
  });
  return recipe::parse_lock(support::read_file(entry / "pins.json"), "pins.json").base_packages;
}

std::vector<Pin> Packages::base(const std::vector<std::string>& names) const {
  if (!origin_.lock)
    return remembered("closure", names, [&](Index& index) { return index.closure(names); });
  for (const auto& name : names)
    if (!find(origin_.lock->base_packages, name))
      not_locked(name);
  return origin_.lock->base_packages;
}

std::vector<Pin> Packages::with(const std::vector<std::string>& base,
                                const std::vector<std::string>& added) const {
  if (!origin_.lock) {
    std::vector<std::string> names = base;
    names.insert(names.end(), added.begin(), added.end());
    return remembered("closure", names, [&](Index& index) { return index.closure(names); });
  }
  const std::vector<Pin> all = joined(origin_.lock->base_packages, origin_.lock->added_packages);
  for (const auto& name : added)
    if (!find(all, name))
      not_locked(name);
  return all;
}

std::vector<Pin> Packages::boot(const std::vector<std::string>& names) const {
  const auto split = [](const std::string& name) {  // into a package, and beginnings
    std::vector<std::string> parts{""};
    for (const char c : name)
      if (c == '>')
        parts.emplace_back();
      else
        parts.back() += c;
    return parts;
  };
  if (!origin_.lock)
    return joined({}, remembered("boot", names, [&](Index& index) {
                    std::vector<std::string> plain;
                    for (const auto& name : names) {
                      const std::vector<std::string> parts = split(name);
                      plain.push_back(parts[0]);
                      for (std::size_t i = 1; i < parts.size(); ++i)
                        plain.push_back(index.dependency_like(plain.back(), parts[i]));
                    }
                    return joined({}, index.newest(plain));
                  }));
  for (const auto& name : names)
    if (!find(origin_.lock->boot_packages, split(name)[0]))
      not_locked(split(name)[0]);
  return origin_.lock->boot_packages;
}

std::vector<fs::path> Packages::fetch(const std::vector<Pin>& pins, const Progress& progress) const {
  std::vector<Pin> missing;
  std::uint64_t bytes = 0;
  for (const auto& pin : pins)
    if (!cache_.find(kPackageKind, pin.sha256, {kFileName})) {
      missing.push_back(pin);
      bytes += pin.size;
    }
  if (!missing.empty()) {
    progress(
        fmt::format("downloading {} packages, {:.1f} MB", missing.size(), static_cast<double>(bytes) / 1e6));
    download(cache_, apt_sources(suite_, origin_.mirror), missing, origin_.lock != nullptr);
  }
  std::vector<fs::path> files;
  for (const auto& pin : pins)
    files.push_back(cache_.entry(kPackageKind, pin.sha256, [](const fs::path&) {}, {}) / kFileName);
  return files;
}

}  // namespace vmimage::base
