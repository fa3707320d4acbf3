#include "base/package_files.hpp"

#include <fmt/format.h>

#include <charconv>
#include <set>
#include <sstream>

#include "base/apt.hpp"
#include "base/deb.hpp"
#include "base/pinning.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmimage::base {

using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr const char* kArchitecture = "amd64";
constexpr const char* kNeedsVersion = "1";  // raise when the same packages need others

/// Of a number of KiB; 0 when it is none.
std::uint64_t installed_bytes(const std::string& text) {
  std::uint64_t kib = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), kib);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && kib < (std::uint64_t{1} << 40) ? kib * 1024 : 0;
}

PackageFile read_one(const fs::path& file) {
  if (!fs::is_regular_file(file))
    throw invalid(fmt::format("failed to read the package '{}': no such file", file.string()),
                  "a package is a .deb file, as dpkg-deb or CPack make it");
  auto control = deb_control(file);
  PackageFile package{file,
                      support::sha256_file(file),
                      control["Package"],
                      control["Version"],
                      control["Architecture"],
                      installed_bytes(control["Installed-Size"])};
  if (package.architecture != kArchitecture && package.architecture != "all")
    throw invalid(fmt::format("failed to use the package '{}': it is for {}", file.string(),
                              package.architecture.empty() ? "no architecture" : package.architecture),
                  "images are made for x86-64: amd64, or all");
  return package;
}

/// The archives that the base was made from; nothing when there are none, or a lock says all.
std::optional<Suite> archives_of(const std::string& base, const PackageOrigin& origin) {
  if (origin.lock || !(base.starts_with("debian:") || base.starts_with("ubuntu:")))
    return std::nullopt;
  return suite_of(base);
}

Answer ask(std::optional<Index>& index, const std::vector<PackageFile>& files, const std::string& status) {
  const support::TempDir work;
  const fs::path database = work.path() / "status";
  support::write_file_atomic(database, status);
  std::vector<fs::path> debs;
  for (const auto& file : files)  // apt takes for a file what ends like one
    fs::create_symlink(fs::absolute(file.path), debs.emplace_back(work.path() / (file.sha256 + ".deb")));
  return index ? index->ask(debs, database) : ask_without_archive(debs, database);
}

[[noreturn]] void refuse(const std::vector<PackageFile>& files, const std::string& base,
                         const std::string& refusal, bool locked, bool archives) {
  std::vector<std::string> names;
  for (const auto& file : files)
    names.push_back(file.path.filename().string());
  const std::string unmet = unmet_dependencies(refusal);
  if (unmet.empty())
    throw invalid(fmt::format("failed to install '{}' on {}", fmt::join(names, "', '"), base), refusal);
  throw invalid(fmt::format("failed to install '{}' on {}: {}", fmt::join(names, "', '"), base, unmet),
                locked ? "a lock has all packages that there are: make it again with vmimage base lock"
                : archives
                    ? "the archives of the base do not have it: give it as a package file too"
                    : "nothing is downloaded for this base: give what is missing as package files too");
}

}  // namespace

std::vector<PackageFile> read_package_files(const std::vector<fs::path>& files) {
  std::vector<PackageFile> packages;
  std::set<std::string> names;
  for (const auto& file : files) {
    packages.push_back(read_one(file));
    if (!names.insert(packages.back().name).second)
      throw invalid(fmt::format("failed to use the package '{}': there is another file of the package '{}'",
                                file.string(), packages.back().name),
                    "leave one of them out");
  }
  return packages;
}

void require_whole(const std::vector<PackageFile>& files) {
  for (const auto& file : files) {
    const auto result = support::run(
        {.argv = {"dpkg-deb", "--fsys-tarfile", file.path.string()}, .on_output = [](std::string_view) {}});
    if (!result.ok())
      throw invalid(
          fmt::format("failed to read the package '{}': it is cut off or damaged", file.path.string()),
          result.err);
  }
}

std::vector<PackageFile> in_order(std::vector<PackageFile> files) {
  std::vector<PackageNeeds> needs;
  for (const auto& file : files)
    needs.push_back(needs_of(deb_control(file.path)));
  std::vector<PackageFile> ordered;
  for (const auto& round : install_rounds(needs))
    for (const std::size_t i : round)
      ordered.push_back(files[i]);
  return ordered;
}

std::vector<std::string> needed_by(const cache::Cache& cache, const std::vector<PackageFile>& files,
                                   const std::string& base, const std::string& status,
                                   const PackageOrigin& origin, const Progress& progress) {
  std::optional<Index> index;
  if (const auto suite = archives_of(base, origin))
    index.emplace(cache, *suite, origin.mirror, origin.view);
  support::Digest key;
  key.add(kNeedsVersion).add(index ? index->digest() : "").add(status);
  for (const auto& file : files)
    key.add(file.sha256);
  const fs::path entry = cache.entry("needs", key.hex(), [&](const fs::path& folder) {
    progress("what the package files need");
    require_whole(files);
    const Answer answer = ask(index, files, status);
    if (!answer.refusal.empty())
      refuse(files, base, answer.refusal, origin.lock != nullptr, index.has_value());
    support::json names = support::json::array();
    for (const auto& pin : answer.needed)
      names.push_back(pin.name);
    support::write_file_atomic(folder / "needs.json", names.dump());
  });
  return support::parse_json(support::read_file(entry / "needs.json"), "needs.json")
      .get<std::vector<std::string>>();
}

std::string unmet_dependencies(const std::string& refusal) {
  std::string unmet;
  bool inside = false;
  std::istringstream lines(refusal);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("The following packages have unmet dependencies:")) {
      inside = true;
    } else if (inside && line.starts_with(' ')) {
      unmet += (unmet.empty() ? "" : ", ") + line.substr(line.find_first_not_of(' '));
    } else if (line.starts_with("E: Packages need to be removed")) {
      return "packages of the base would have to go";
    } else {
      inside = false;
    }
  }
  return unmet;
}

}  // namespace vmimage::base
