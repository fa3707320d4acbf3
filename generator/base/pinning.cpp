#include "base/pinning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "base/deb.hpp"
#include "base/kit.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::base {

using recipe::Pin;
namespace fs = std::filesystem;

namespace {

constexpr const char* kMinimalSuite = "bookworm";
constexpr std::uint64_t kLargest = 64ull << 20;      // a package that is downloaded for its changelog alone
constexpr std::size_t kChangelogBytes = 1ull << 20;  // of one that is read; the newest entry is at its start
constexpr std::size_t kChangeLength = 160;

bool is_newer(const std::string& candidate, const std::string& than) {
  return candidate != than &&
         support::run({.argv = {"dpkg", "--compare-versions", candidate, "gt", than}}).ok();
}

/// One line of apt-cache(8) madison.
struct Offer {
  std::string version;
  bool security = false;
};

std::map<std::string, std::vector<Offer>> parse_offers(const std::string& madison) {
  std::map<std::string, std::vector<Offer>> offers;
  std::istringstream lines(madison);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, bar, version, second, uri, release;
    words >> name >> bar >> version >> second >> uri >> release;
    if (bar == "|" && second == "|")
      offers[name].push_back({version, release.find("-security/") != std::string::npos});
  }
  return offers;
}

/// The changelog of a package file, wherever it keeps it (Debian Policy 12.7).
std::string changelog_of(const fs::path& deb, const std::string& name) {
  for (const char* file : {"changelog.Debian.gz", "changelog.gz"}) {
    const auto packed = deb_file(deb, fmt::format("/usr/share/doc/{}/{}", name, file), kChangelogBytes);
    if (packed)
      return gunzip(*packed, kChangelogBytes);
  }
  return {};
}

/// A changelog is news, not what was asked for: when it cannot be had, the rest is told all the same.
void read_changes(const Packages& packages, Index& index, std::vector<Outdated>& list,
                  const Progress& progress) {
  std::vector<std::string> names;
  for (const auto& entry : list)
    names.push_back(entry.name);
  std::vector<Pin> pins = index.newest(names);
  std::vector<Pin> wanted;
  std::copy_if(pins.begin(), pins.end(), std::back_inserter(wanted),
               [](const Pin& pin) { return pin.size <= kLargest; });
  try {
    const std::vector<fs::path> debs = packages.fetch(wanted, progress);
    for (std::size_t i = 0; i < wanted.size(); ++i)
      for (auto& entry : list)
        if (entry.name == wanted[i].name)
          entry.change = first_change(changelog_of(debs[i], entry.name));
  } catch (const support::Error& error) {
    if (error.kind() == support::ErrorKind::Interrupted)
      throw;
    progress(fmt::format("no changelogs: {}", error.what()));
  }
}

}  // namespace

Suite suite_of(const std::string& base) {
  if (base == "minimal")
    return {"debian", kMinimalSuite};
  for (const char* vendor : {"debian", "ubuntu"})
    if (base.starts_with(std::string(vendor) + ":"))
      return {vendor, base.substr(std::string(vendor).size() + 1)};
  throw support::invalid(fmt::format("the base '{}' is not made from a distribution's packages", base),
                         "name one that is, like debian:bookworm or minimal");
}

std::optional<std::vector<Pin>> added_to(const std::vector<Pin>& base, const std::vector<Pin>& all) {
  const auto has = [](const std::vector<Pin>& pins, const Pin& pin) {
    return std::find(pins.begin(), pins.end(), pin) != pins.end();
  };
  if (!std::all_of(base.begin(), base.end(), [&](const Pin& pin) { return has(all, pin); }))
    return std::nullopt;
  std::vector<Pin> added;
  std::copy_if(all.begin(), all.end(), std::back_inserter(added),
               [&](const Pin& pin) { return !has(base, pin); });
  return added;
}

recipe::Lock make_lock(const cache::Cache& cache, const std::string& base,
                       const std::vector<std::string>& requested, const std::optional<std::string>& mirror,
                       View view, const std::string& kernel) {
  const Suite suite = suite_of(base);
  const Packages packages(cache, suite, {.mirror = mirror, .lock = nullptr, .view = view});
  recipe::Lock lock;
  lock.base = base;
  lock.requested = requested;
  std::sort(lock.requested.begin(), lock.requested.end());
  lock.boot_packages = packages.boot(kit_packages(suite.vendor, kernel));
  if (base != "minimal") {
    lock.base_packages = packages.base(debian_packages());
    const std::vector<Pin> all = packages.with(debian_packages(), lock.requested);
    if (const auto added = added_to(lock.base_packages, all))
      lock.added_packages = *added;
    else
      lock.base_packages = all;
  } else if (!requested.empty()) {
    throw support::invalid("the base 'minimal' has no package manager",
                           "use a debian base, or leave the packages out");
  }
  lock.archives = Index(cache, suite, mirror, view).archives();
  return lock;
}

std::vector<Outdated> outdated(const cache::Cache& cache, const std::vector<recipe::Package>& installed,
                               const Suite& suite, const std::optional<std::string>& mirror,
                               Changelogs changelogs, const Progress& progress) {
  Index index(cache, suite, mirror, View::News);
  std::vector<std::string> names;
  for (const auto& package : installed)
    names.push_back(package.name);
  const auto offers = parse_offers(index.versions(names));
  std::vector<Outdated> list;
  for (const auto& package : installed) {
    const auto found = offers.find(package.name);
    if (found == offers.end() || !is_newer(found->second.front().version, package.version))
      continue;
    const bool security = std::any_of(found->second.begin(), found->second.end(), [&](const Offer& offer) {
      return offer.security && is_newer(offer.version, package.version);
    });
    list.push_back({package.name, package.version, found->second.front().version, security, ""});
  }
  if (changelogs == Changelogs::Yes && !list.empty()) {
    const Packages packages(cache, suite, {.mirror = mirror, .lock = nullptr, .view = View::News});
    read_changes(packages, index, list, progress);
  }
  std::sort(list.begin(), list.end(), [](const Outdated& a, const Outdated& b) {
    return a.security != b.security ? a.security : a.name < b.name;
  });
  return list;
}

std::string first_change(const std::string& changelog) {
  std::vector<std::string> changes;
  bool in_change = false;
  std::istringstream lines(changelog);
  for (std::string line; std::getline(lines, line) && !line.starts_with(" -- ");) {
    const auto start = line.find_first_not_of(' ');
    if (start == std::string::npos || start == 0) {
      in_change = false;
    } else if (line.compare(start + 1, 1, " ") == 0 &&
               std::string("*-+").find(line[start]) != std::string::npos) {
      changes.push_back(line.substr(std::min(start + 2, line.size())));
      in_change = true;
    } else if (in_change) {
      changes.back() += " " + line.substr(start);
    }
  }
  if (changes.empty())
    return {};
  // Who made it says less than what it does.
  if (changes.size() > 1 && changes.front().starts_with("Non-maintainer upload"))
    changes.erase(changes.begin());
  const auto vulnerability = std::find_if(changes.begin(), changes.end(), [](const std::string& change) {
    return change.find("CVE-") != std::string::npos;
  });
  std::string change = support::one_line(vulnerability == changes.end() ? changes.front() : *vulnerability);
  if (change.size() > kChangeLength) {
    std::size_t end = kChangeLength;
    while (end > 0 && (static_cast<unsigned char>(change[end]) & 0xc0) == 0x80)  // not within a letter
      --end;
    change = change.substr(0, end) + "…";
  }
  return change;
}

}  // namespace vmimage::base
