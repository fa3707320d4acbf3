#include "base/bootstrap.hpp"

#include <fmt/format.h>

#include "base/apt.hpp"
#include "support/archive.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::base {

using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr const char* kTreeVersion = "1";  // raise when the same packages give another tree

/// mmdebstrap's complaint in terms of what the user wrote.
[[noreturn]] void explain(const support::Error& error, const std::string& suite) {
  const std::string text = std::string(error.what()) + "\n" + error.hint();
  const auto quoted_after = [&](const std::string& phrase) -> std::string {
    const auto at = text.find(phrase);
    if (at == std::string::npos)
      return {};
    const auto end = text.find_first_of("\n\"' ", at + phrase.size());
    return text.substr(at + phrase.size(), end - at - phrase.size());
  };
  for (const char* phrase : {"Unable to locate package ", "Couldn't find any package by regex '", "Package '",
                             "No candidate version found for "})
    if (const std::string package = quoted_after(phrase); !package.empty())
      throw invalid(fmt::format("unknown package '{}': debian:{} does not have it", package, suite),
                    "packages are those of Debian's main archive; look for it with apt-cache search");
  throw error;
}

/// Installs packages into a tree of its own and writes it to `tar`: everything, or on top of `below`.
void bootstrap(const TreePlan& plan, const fs::path& tar, const Progress& progress) {
  const std::vector<std::string> sources = apt_sources(plan.suite, plan.mirror);
  std::vector<std::string> argv{"mmdebstrap",
                                "--variant=custom",
                                "--format=tar",
                                "--skip=output/dev",
                                "--architectures=amd64",
                                fmt::format("--include={}", fmt::join(plan.packages, ",")),
                                "--aptopt=APT::Install-Recommends false",
                                "--aptopt=Acquire::Languages none"};
  for (const auto& filter : plan.path_filters)
    argv.push_back("--dpkgopt=" + filter);
  if (plan.below.empty())
    argv.push_back(
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr");  // else a package with all of Perl does it
  else
    argv.push_back(
        fmt::format("--setup-hook=tar-in {} /", support::quote({(plan.below / "root.tar").string()})));
  argv.insert(argv.end(), {plan.suite, tar.string()});
  argv.insert(argv.end(), sources.begin(), sources.end());
  support::run_checked({.argv = argv,
                        .environment = {{"SOURCE_DATE_EPOCH", "315532800"}},
                        .on_line = [&](std::string_view line) {
                          if (line.starts_with("I: "))
                            progress(fmt::format("debian:{}: {}", plan.suite, line.substr(3)));
                        }});
}

std::string status_of(const fs::path& tar) {
  std::string status;
  support::read_tar(tar, [&](support::ArchiveEntry& entry) {
    if (entry.path() == "/var/lib/dpkg/status")
      status = entry.content();
  });
  return status;
}

}  // namespace

fs::path package_tree(const cache::Cache& cache, const TreePlan& plan, const Progress& progress) {
  support::Digest key;
  key.add(kTreeVersion).add(plan.suite).add(plan.mirror.value_or(""));
  if (!plan.below.empty())
    key.add(support::read_file(plan.below / "digest"));
  for (const auto& list : {plan.packages, plan.path_filters})
    for (const auto& word : list)
      key.add(word);
  return cache.entry("rootfs", key.hex(), [&](const fs::path& folder) {
    const fs::path tar = folder / "root.tar";
    try {
      bootstrap(plan, tar, progress);
    } catch (const support::Error& error) {
      explain(error, plan.suite);
    }
    support::write_file_atomic(folder / "status", status_of(tar));
    support::write_file_atomic(folder / "digest", support::sha256_file(tar));
  });
}

}  // namespace vmimage::base
