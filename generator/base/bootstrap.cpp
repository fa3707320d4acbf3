#include "base/bootstrap.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include "base/deb.hpp"
#include "base/dpkg.hpp"
#include "guest/guest.hpp"
#include "license/copyright.hpp"
#include "support/archive.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::base {

namespace fs = std::filesystem;

namespace {

constexpr const char* kTreeVersion = "5";  // raise when the same packages give another tree
constexpr const char* kWork = ".vmimage";

std::string lines(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& line : list)
    text += line + "\n";
  return text;
}

/// Patterns of tar(1) for what dpkg is told to leave out.
std::string tar_excludes(const std::vector<std::string>& filters) {
  const std::string exclude = "path-exclude=";
  std::string text;
  for (const auto& filter : filters)
    if (filter.starts_with(exclude))
      text += "." + filter.substr(exclude.size()) + "\n";
  return text;
}

std::string file_name(const recipe::Pin& pin) {
  std::string version = pin.version;
  for (auto at = version.find(':'); at != std::string::npos; at = version.find(':'))
    version.replace(at, 1, "%3a");
  return fmt::format("{}_{}_{}.deb", pin.name, version, pin.architecture);
}

/// Packages and orders for install-packages(guest/files), as an archive that mmdebstrap can unpack: as an
/// unprivileged user it could not read the files themselves inside its namespace.
void write_work(const TreePlan& plan, const std::vector<fs::path>& debs, const fs::path& archive) {
  const support::TempDir work;
  const fs::path folder = work.path() / kWork;
  fs::create_directory(folder);
  std::vector<PackageNeeds> needs;
  for (std::size_t i = 0; i < debs.size(); ++i) {
    needs.push_back(needs_of(deb_control(debs[i])));
    fs::create_symlink(fs::absolute(debs[i]), folder / file_name(plan.packages[i]));
  }
  const auto names = [&](const std::vector<std::size_t>& indices) {
    std::string text;
    for (const std::size_t i : indices)
      text += file_name(plan.packages[i]) + "\n";
    return text;
  };
  std::vector<std::vector<std::size_t>> rounds = install_rounds(needs);
  if (plan.below.empty()) {  // what they pre-depend on is unpacked first
    rounds = {{}};
    for (std::size_t i = 0; i < needs.size(); ++i)
      rounds[0].push_back(i);
  }
  for (std::size_t i = 0; i < rounds.size(); ++i)
    support::write_file_atomic(folder / fmt::format("round-{:03}", i), names(rounds[i]));
  support::write_file_atomic(folder / "first", plan.below.empty() ? names(first_packages(needs)) : "");
  support::write_file_atomic(folder / "exclude", tar_excludes(plan.path_filters));
  support::write_file_atomic(folder / "dpkg.cfg", lines(plan.path_filters));
  support::write_file_atomic(folder / "install-packages", guest::file("install-packages"), 0755);
  support::run_checked({.argv = {"tar", "--create", "--file", archive.string(), "--dereference",
                                 "--directory", work.path().string(), kWork}});
}

/// A file system in memory, where there is one with room: maintainer scripts and dpkg write many small files,
/// and see to it that each reaches the disk.
std::map<std::string, std::string> environment() {
  constexpr std::uint64_t kRoom = 2ull << 30;
  std::map<std::string, std::string> variables{{"SOURCE_DATE_EPOCH", "315532800"}};
  struct statvfs memory {};
  if (::statvfs("/dev/shm", &memory) == 0 &&
      static_cast<std::uint64_t>(memory.f_bavail) * memory.f_frsize >= kRoom)
    variables["TMPDIR"] = "/dev/shm";
  return variables;
}

void bootstrap(const TreePlan& plan, const std::vector<fs::path>& debs, const fs::path& tar,
               const Progress& progress) {
  const support::TempDir temporary;
  const fs::path work = temporary.path() / "work.tar";
  write_work(plan, debs, work);
  const auto phase = [](const char* name) {
    return fmt::format("sh \"$1/{}/install-packages\" {} \"$1\"", kWork, name);
  };
  const auto unpack = [](const fs::path& archive) {
    return fmt::format("--setup-hook=tar-in {} /", support::quote({archive.string()}));
  };
  std::vector<std::string> argv{"mmdebstrap", "--variant=custom", "--format=tar",
                                "--skip=output/dev,update,cleanup/apt", "--architectures=amd64"};
  if (!plan.below.empty())
    argv.push_back(unpack(plan.below / "root.tar"));
  argv.insert(argv.end(),
              {unpack(work), "--setup-hook=" + phase("setup"), "--customize-hook=" + phase("install"),
               // A suite and an archive that it never asks for: there is nothing that apt would do.
               "unstable", tar.string(), "deb [trusted=yes] copy:/nonexistent ./"});
  progress(fmt::format("{}: installing {} packages", plan.name, debs.size()));
  support::run_checked({.argv = argv, .environment = environment()});
}

/// What is asked of a tree again and again, so that nobody has to read the tree for it: dpkg's database, and
/// the packages' licences.
void write_summary(const fs::path& tar, const fs::path& folder) {
  std::string status;
  license::Documents documents;
  support::read_tar(tar, [&](support::ArchiveEntry& entry) {
    const std::string path = entry.path();
    if (path == "/var/lib/dpkg/status")
      status = entry.content();
    else if (!license::is_document(path))
      return;
    else if (const std::string target = entry.symlink(); !target.empty())
      documents.links[path] = target;
    else if (const std::string first = entry.hardlink(); !first.empty())
      documents.links[path] = first;
    else if (path.ends_with("/copyright"))
      documents.texts[path] = entry.content();
  });
  std::vector<recipe::Package> packages = parse_status(status);
  license::find_licenses(packages, documents);
  support::write_file_atomic(folder / "status", status);
  support::write_file_atomic(folder / "licenses", license::to_lines(packages));
}

}  // namespace

fs::path package_tree(const cache::Cache& cache, const TreePlan& plan, const Packages& packages,
                      const Progress& progress) {
  support::Digest key;
  key.add(kTreeVersion).add(guest::file("install-packages"));
  if (!plan.below.empty())
    key.add(support::read_file(plan.below / "digest"));
  for (const auto& pin : plan.packages)
    key.add(pin.name).add(pin.version).add(pin.architecture).add(pin.sha256);
  for (const auto& filter : plan.path_filters)
    key.add(filter);
  const auto make = [&](const fs::path& folder) {
    const fs::path tar = folder / "root.tar";
    bootstrap(plan, packages.fetch(plan.packages, progress), tar, progress);
    write_summary(tar, folder);
    support::write_file_atomic(folder / "digest", support::sha256_file(tar));
  };
  return cache.entry("rootfs", key.hex(), make,
                     {"digest", "status", "licenses"});  // the rest when a disk is made of it
}

std::vector<recipe::Package> installed_packages(const fs::path& tree) {
  std::vector<recipe::Package> packages = parse_status(support::read_file(tree / "status"));
  license::take_lines(packages, support::read_file(tree / "licenses"));
  return packages;
}

}  // namespace vmimage::base
