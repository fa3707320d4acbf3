#include "base/apt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::base {

using support::failure;
using support::run_checked;
namespace fs = std::filesystem;

namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '/'))
    text.pop_back();
  return text;
}

bool ends_with_security(const std::string& suite) {
  return suite.ends_with("-security");
}

/// A suite that is not there is the user's mistake, everything else the network's.
[[noreturn]] void explain_update(const support::Error& error, const std::vector<std::string>& sources) {
  if (error.hint().find("does not have a Release file") == std::string::npos)
    throw error;
  std::istringstream words(sources.at(0));
  std::string word, archive, suite;
  words >> word >> archive >> suite;
  throw support::invalid(fmt::format("unknown Debian suite '{}': {} does not have it", suite, archive),
                         "name one that it has, like debian:bookworm");
}

}  // namespace

std::vector<std::string> sources_for_suite(const std::string& targets, const std::string& suite) {
  // Where the host gets a suite "x" and "x-security" from, there any other suite of Debian is too.
  std::string archive, security;
  std::istringstream lines(targets);
  std::string uri, release;
  while (lines >> uri >> release) {
    uri = trimmed(uri);
    if (ends_with_security(release)) {
      if (uri.ends_with("debian-security"))
        security = uri;
    } else if (uri.ends_with("/debian") && archive.empty()) {
      archive = uri;
    }
  }
  if (archive.empty())
    return {};
  std::vector<std::string> sources{fmt::format("deb {} {} main", archive, suite)};
  if (suite == "sid" || suite == "unstable")
    return sources;
  sources.push_back(fmt::format("deb {} {}-updates main", archive, suite));
  if (!security.empty())
    sources.push_back(fmt::format("deb {} {}-security main", security, suite));
  return sources;
}

std::vector<std::string> apt_sources(const std::string& suite, const std::optional<std::string>& mirror) {
  if (mirror)
    return {fmt::format("deb {} {} main", trimmed(*mirror), suite)};
  const auto sources =
      sources_for_suite(run_checked({.argv = {"apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)",
                                              "Created-By: Packages"}}),
                        suite);
  if (sources.empty())
    throw support::invalid("failed to find a Debian archive in this host's apt configuration",
                           "name one: \"mirror\" in the recipe");
  return sources;
}

Apt::Apt(const std::vector<std::string>& sources, const fs::path& folder) : folder_(folder) {
  for (const char* name : {"state/lists/partial", "cache/archives/partial", "etc", "debs"})
    fs::create_directories(folder_ / name);
  support::write_file_atomic(folder_ / "status", "");
  support::write_file_atomic(folder_ / "etc/sources.list", fmt::format("{}\n", fmt::join(sources, "\n")));
  try {
    run({"apt-get", "update", "-q"});
  } catch (const support::Error& error) {
    explain_update(error, sources);
  }
}

std::string Apt::run(std::vector<std::string> argv) const {
  const auto option = [&](const std::string& text) { argv.insert(argv.begin() + 1, {"-o", text}); };
  option("Dir::Etc::SourceList=" + (folder_ / "etc/sources.list").string());
  option("Dir::Etc::SourceParts=/dev/null");
  option("Dir::State=" + (folder_ / "state").string());
  option("Dir::State::status=" + (folder_ / "status").string());
  option("Dir::Cache=" + (folder_ / "cache").string());
  option("APT::Sandbox::User=");
  option("Acquire::Languages=none");
  option("APT::Update::Error-Mode=any");
  return run_checked({.argv = std::move(argv), .directory = folder_ / "debs"});
}

std::string Apt::dependency_like(const std::string& package, const std::string& prefix) {
  std::istringstream words(run({"apt-cache", "depends", "--no-recommends", "--no-suggests", package}));
  std::string word;
  while (words >> word)
    if (word != package && word.starts_with(prefix))
      return word;
  throw failure(fmt::format("failed to find what the package '{}' stands for", package));
}

std::vector<fs::path> Apt::download(const std::vector<std::string>& packages) {
  std::vector<std::string> argv{"apt-get", "download", "-q"};
  argv.insert(argv.end(), packages.begin(), packages.end());
  run(argv);
  std::vector<fs::path> files;
  for (const auto& package : packages) {
    const auto found = std::find_if(
        fs::directory_iterator(folder_ / "debs"), fs::directory_iterator(),
        [&](const auto& file) { return file.path().filename().string().starts_with(package + "_"); });
    if (found == fs::directory_iterator())
      throw failure("failed to download the package '" + package + "'");
    files.push_back(found->path());
  }
  return files;
}

std::string deb_field(const fs::path& deb, const std::string& field) {
  return trimmed(run_checked({.argv = {"dpkg-deb", "--field", deb.string(), field}}));
}

void deb_extract(const fs::path& deb, const fs::path& folder) {
  run_checked({.argv = {"dpkg-deb", "--extract", deb.string(), folder.string()}});
}

}  // namespace vmimage::base
