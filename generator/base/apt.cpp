#include "base/apt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmimage::base {

using recipe::Pin;
using support::invalid;
using support::json;
using support::run_checked;
namespace fs = std::filesystem;

namespace {

constexpr const char* kIndexKind = "index";

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '/'))
    text.pop_back();
  return text;
}

bool ends_with_security(const std::string& suite) {
  return suite.ends_with("-security");
}

/// The text between `phrase` and the next blank or quotation mark.
std::string word_after(const std::string& text, const std::string& phrase) {
  const auto at = text.find(phrase);
  if (at == std::string::npos)
    return {};
  const auto end = text.find_first_of("\n\"' ", at + phrase.size());
  return text.substr(at + phrase.size(), end - at - phrase.size());
}

/// apt's complaint in terms of what the user wrote.
[[noreturn]] void explain(const support::Error& error, const Suite& suite) {
  const std::string text = std::string(error.what()) + "\n" + error.hint();
  for (const char* phrase : {"Unable to locate package ", "Couldn't find any package by regex '", "Package '",
                             "No candidate version found for ", "No packages found matching "})
    if (const std::string package = word_after(text, phrase); !package.empty())
      throw invalid(
          fmt::format("unknown package '{}': {} does not have it", package, suite.title()),
          "packages are those of the distribution's main archive; look for it with apt-cache search");
  const auto unmet = text.find("The following packages have unmet dependencies:\n");
  if (unmet != std::string::npos) {
    const auto start = text.find_first_not_of(" \n", text.find('\n', unmet));
    throw invalid(
        "failed to install the packages together: " + text.substr(start, text.find('\n', start) - start),
        "leave one of them out, or move to another suite");
  }
  throw error;
}

/// apt's error says that an archive does not have this release. An archive that is trusted anyhow need not
/// have a Release file, so that there its lists are what is missing.
bool lacks_release(const support::Error& error, const std::string& release) {
  std::istringstream lines(std::string(error.what()) + "\n" + error.hint());
  for (std::string line; std::getline(lines, line);) {
    const auto says = [&](const std::string& words) { return line.find(words) != std::string::npos; };
    if (says(" " + release + " Release' does not have a Release file") ||
        (says("Failed to fetch") && says("/dists/" + release + "/") &&
         (says("404") || says("File not found"))))
      return true;
  }
  return false;
}

std::vector<std::string> base_options(const fs::path& folder) {
  return {"Dir::Etc::SourceList=" + (folder / "sources.list").string(),
          "Dir::Etc::SourceParts=/dev/null",
          "Dir::Etc::Preferences=/dev/null",
          "Dir::Etc::PreferencesParts=/dev/null",
          "Dir::State=" + (folder / "state").string(),
          "Dir::State::status=" + (folder / "status").string(),
          "Dir::Cache=" + (folder / "cache").string(),
          "Dir::Cache::pkgcache=pkgcache.bin",
          "Dir::Cache::srcpkgcache=",
          "APT::Sandbox::User=",
          "APT::Install-Recommends=false",
          "APT::Install-Suggests=false",
          "APT::Architecture=amd64",
          "APT::Architectures=amd64",
          "APT::Update::Error-Mode=any",
          "Acquire::Languages=none",
          "Acquire::ForceHash=SHA256"};
}

std::vector<std::string> with_options(std::vector<std::string> argv, const fs::path& folder) {
  std::vector<std::string> full{argv.at(0)};
  for (const auto& option : base_options(folder))
    full.insert(full.end(), {"-o", option});
  full.insert(full.end(), argv.begin() + 1, argv.end());
  return full;
}

void write_sources(const fs::path& folder, const std::vector<std::string>& sources) {
  for (const char* name : {"state/lists/partial", "cache/archives/partial"})
    fs::create_directories(folder / name);
  support::write_file_atomic(folder / "status", "");
  support::write_file_atomic(folder / "sources.list", fmt::format("{}\n", fmt::join(sources, "\n")));
}

std::vector<std::string> read_sources(const fs::path& folder) {
  std::istringstream text(support::read_file(folder / "sources.list"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);)
    lines.push_back(line);
  return lines;
}

/// What the lists are, in words that a later reader can check: file name → SHA-256.
json list_digests(const fs::path& folder) {
  json digests = json::object();
  for (const auto& file : fs::directory_iterator(folder / "state/lists"))
    if (file.is_regular_file() && file.path().filename() != "lock")
      digests[file.path().filename().string()] = support::sha256_file(file.path());
  return digests;
}

/// A field of a Release file (Debian repository format, "Release files").
std::string release_field(const std::string& text, const std::string& field) {
  const auto at = text.find("\n" + field + ": ");
  if (at == std::string::npos)
    return {};
  const auto start = at + field.size() + 3;
  return text.substr(start, text.find('\n', start) - start);
}

std::vector<recipe::ArchiveState> archive_states(const fs::path& folder) {
  std::vector<recipe::ArchiveState> states;
  for (const auto& file : fs::directory_iterator(folder / "state/lists")) {
    const std::string name = file.path().filename();
    if (!name.ends_with("_InRelease") && !name.ends_with("_Release"))
      continue;
    const std::string text = support::read_file(file.path());
    const auto dists = name.find("_dists_");
    if (dists == std::string::npos)
      continue;
    const std::string release = name.substr(dists + 7, name.rfind('_') - dists - 7);
    states.push_back({release, release_field(text, "Date"), support::sha256(text)});
  }
  std::sort(states.begin(), states.end(), [](const auto& a, const auto& b) { return a.release < b.release; });
  return states;
}

/// "%3a" of file names and URIs → ":".
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && std::isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// Cuts off that of the roots which the URI lies below; returns it.
std::string cut_root(std::string& uri, const std::vector<std::string>& roots) {
  for (const auto& root : roots)
    if (uri.starts_with(root + "/")) {
      uri.erase(0, std::min(uri.find_first_not_of('/', root.size()), uri.size()));
      return root;
    }
  throw support::failure("failed to understand apt: '" + uri + "' is in no archive of the sources");
}

std::vector<std::string> roots_of(const std::vector<std::string>& sources) {
  std::vector<std::string> roots;
  for (const auto& line : sources)
    if (const auto root = parse_source(line).root; std::find(roots.begin(), roots.end(), root) == roots.end())
      roots.push_back(root);
  // The longest first: one may lie below another.
  std::sort(roots.begin(), roots.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return roots;
}

const char* components(const Suite& suite) {
  return suite.vendor == "ubuntu" ? "main universe" : "main";
}

std::string sources_of(const std::vector<std::string>& sources) {
  return fmt::format("{}\n", fmt::join(sources, "\n"));
}

/// Asks apt to install .debs beside what `status` has, by the lists in `folder`.
Answer ask(const fs::path& folder, const std::vector<fs::path>& debs, const fs::path& status,
           const std::vector<std::string>& roots) {
  // Not -qq, which keeps to itself what is unmet; the cache of another status file must stay.
  std::vector<std::string> argv{"apt-get",
                                "install",
                                "--print-uris",
                                "--yes",
                                "--no-remove",
                                "--allow-downgrades",
                                "-q",
                                "-o",
                                "Dir::State::status=" + status.string(),
                                "-o",
                                "Dir::Cache::pkgcache="};
  for (const auto& deb : debs)
    argv.push_back(fs::absolute(deb).string());
  const auto result = support::run({.argv = with_options(argv, folder), .directory = folder});
  if (!result.ok())
    return {{}, result.out + result.err};
  std::string archives;  // without the .debs themselves
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with("'file:") || std::any_of(roots.begin(), roots.end(), [&](const auto& root) {
          return line.starts_with("'" + root + "/");
        }))
      archives += line + "\n";
  return {parse_uris(archives, roots), ""};
}

}  // namespace

std::vector<std::string> sources_for_suite(const std::string& targets, const Suite& suite) {
  // Where the host gets a suite "x" and "x-security" from, there any other suite of its distribution is too.
  std::string archive, security;
  std::istringstream lines(targets);
  std::string uri, release;
  while (lines >> uri >> release) {
    uri = trimmed(uri);
    const bool own = uri.ends_with("/" + suite.vendor);
    if (ends_with_security(release) && (own || uri.ends_with("/" + suite.vendor + "-security")))
      security = uri;
    else if (own && archive.empty())
      archive = uri;
  }
  if (archive.empty())
    return {};
  const auto source = [&](const std::string& root, const char* part) {
    return fmt::format("deb {} {}{} {}", root, suite.name, part, components(suite));
  };
  std::vector<std::string> sources{source(archive, "")};
  if (suite.name == "sid" || suite.name == "unstable")
    return sources;
  sources.push_back(source(archive, "-updates"));
  if (!security.empty())
    sources.push_back(source(security, "-security"));
  return sources;
}

std::vector<std::string> apt_sources(const Suite& suite, const std::optional<std::string>& mirror) {
  if (mirror) {
    std::vector<std::string> sources;
    for (const char* part : {"", "-updates", "-security"})  // Index leaves out what a mirror does not have
      sources.push_back(fmt::format("deb {} {}{} {}", trimmed(*mirror), suite.name, part, components(suite)));
    return sources;
  }
  const auto sources =
      sources_for_suite(run_checked({.argv = {"apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)",
                                              "Created-By: Packages"}}),
                        suite);
  if (sources.empty())
    throw invalid(
        fmt::format("failed to find an archive of {} in this host's apt configuration", suite.title()),
        "name one: \"mirror\" in the recipe");
  return sources;
}

SourceLine parse_source(const std::string& line) {
  SourceLine source;
  std::size_t at = line.find(' ') + 1;
  if (at < line.size() && line[at] == '[') {
    const auto end = line.find(']', at);
    source.options = line.substr(at, end - at + 1);
    at = line.find_first_not_of(' ', end + 1);
  }
  std::istringstream words(at < line.size() ? line.substr(at) : "");
  words >> source.root >> source.release;
  source.root = trimmed(source.root);
  return source;
}

Index::Index(const cache::Cache& cache, const Suite& suite, const std::optional<std::string>& mirror,
             View view)
    : suite_(suite), mirror_(mirror) {
  const std::string key = support::Digest()
                              .add(suite.title())
                              .add(mirror.value_or(""))
                              .add(view == View::News ? "news" : "")
                              .hex();
  folder_ = cache.root() / kIndexKind / key;
  lock_ = cache.root() / "locks" / fmt::format("{}-{}", kIndexKind, key);
}

void Index::refresh() {
  const support::FileLock lock(lock_);
  fetch();
}

void Index::fetch() {
  std::vector<std::string> sources = apt_sources(suite_, mirror_);
  const fs::path known = folder_ / "index.json";
  while (true) {
    // A mirror may have changed its address: the lists of the old one must not stay.
    if (fs::exists(folder_ / "sources.list") &&
        support::read_file(folder_ / "sources.list") != sources_of(sources)) {
      fs::remove(known);
      fs::remove_all(folder_ / "state");
    }
    write_sources(folder_, sources);
    try {
      run({"apt-get", "update", "-q"});
      break;
    } catch (const support::Error& error) {
      const auto gone = std::remove_if(sources.begin() + 1, sources.end(), [&](const auto& line) {
        return lacks_release(error, parse_source(line).release);
      });
      if (gone == sources.end()) {
        const SourceLine first = parse_source(sources.at(0));
        if (lacks_release(error, first.release))
          throw invalid(fmt::format("unknown suite '{}': {} does not have it", suite_.title(), first.root),
                        "name one that it has, like debian:bookworm");
        throw;
      }
      sources.erase(gone, sources.end());
    }
  }
  run({"apt-cache", "gencaches"});
  support::write_file_atomic(known, json{{"lists", list_digests(folder_)}}.dump(2));
  checked_ = true;
}

bool Index::is_whole() const {
  try {
    return json::parse(support::read_file(folder_ / "index.json")).at("lists") == list_digests(folder_);
  } catch (const std::exception&) {
    return false;
  }
}

/// The lists are there, and are what was fetched. Looked at, removed and fetched under one lock: who waits
/// for it finds what another one has fetched meanwhile.
void Index::require() {
  if (checked_)
    return;
  const support::FileLock lock(lock_);
  checked_ = is_whole();
  if (checked_)
    return;
  fs::remove_all(folder_);
  fetch();
}

std::string Index::digest() {
  const fs::path known = folder_ / "index.json";
  if (!fs::exists(known))
    require();
  return support::sha256_file(known);
}

std::vector<recipe::ArchiveState> Index::archives() {
  require();
  return archive_states(folder_);
}

std::string Index::run(std::vector<std::string> argv) const {
  try {
    return run_checked({.argv = with_options(std::move(argv), folder_), .directory = folder_});
  } catch (const support::Error& error) {
    explain(error, suite_);
  }
}

std::string Index::versions(const std::vector<std::string>& packages) {
  require();
  if (packages.empty())
    return {};
  const support::FileLock lock(lock_);
  return madison(packages);
}

std::string Index::madison(const std::vector<std::string>& packages) const {
  std::vector<std::string> argv{"apt-cache", "madison"};
  argv.insert(argv.end(), packages.begin(), packages.end());
  return run(argv);
}

void Index::set_archives(std::vector<Pin>& pins) const {
  std::vector<std::string> names;
  for (const auto& pin : pins)
    names.push_back(pin.name);
  const std::string lines = madison(names);
  for (auto& pin : pins)
    set_archive(pin, lines);
}

std::vector<Pin> Index::closure(const std::vector<std::string>& packages) {
  require();
  const support::FileLock lock(lock_);
  std::vector<std::string> argv{"apt-get", "install", "--print-uris", "--yes", "-qq"};
  argv.insert(argv.end(), packages.begin(), packages.end());
  std::vector<Pin> pins = parse_uris(run(argv), roots_of(read_sources(folder_)));
  std::sort(pins.begin(), pins.end(), [](const Pin& a, const Pin& b) { return a.name < b.name; });
  set_archives(pins);
  return pins;
}

Answer Index::ask(const std::vector<fs::path>& debs, const fs::path& status) {
  require();
  const support::FileLock lock(lock_);
  return base::ask(folder_, debs, status, roots_of(read_sources(folder_)));
}

Answer ask_without_archive(const std::vector<fs::path>& debs, const fs::path& status) {
  const support::TempDir work;
  write_sources(work.path(), {});
  return ask(work.path(), debs, status, {});
}

std::vector<Pin> Index::newest(const std::vector<std::string>& packages) {
  require();
  const support::FileLock lock(lock_);
  std::vector<std::string> argv{"apt-get", "download", "--print-uris", "-qq"};
  argv.insert(argv.end(), packages.begin(), packages.end());
  const std::vector<Pin> found = parse_uris(run(argv), roots_of(read_sources(folder_)));
  std::vector<Pin> pins;
  for (const auto& name : packages) {
    const auto pin = std::find_if(found.begin(), found.end(), [&](const Pin& p) { return p.name == name; });
    if (pin == found.end())
      throw invalid(fmt::format("unknown package '{}': {} does not have it", name, suite_.title()));
    pins.push_back(*pin);
  }
  set_archives(pins);
  return pins;
}

std::string Index::dependency_like(const std::string& package, const std::string& prefix) {
  require();
  const support::FileLock lock(lock_);
  std::istringstream words(run({"apt-cache", "depends", "--no-recommends", "--no-suggests", package}));
  std::string word;
  while (words >> word)
    if (word != package && word.starts_with(prefix))
      return word;
  throw support::failure(fmt::format("failed to find what the package '{}' stands for", package));
}

std::vector<Pin> parse_uris(const std::string& output, const std::vector<std::string>& roots) {
  std::vector<Pin> pins;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('\''))
      continue;
    const auto quote = line.find('\'', 1);
    std::istringstream words(line.substr(quote + 1));
    std::string name, hash;
    std::uint64_t size = 0;
    words >> name >> size >> hash;
    const auto first = name.find('_');
    const auto last = name.rfind('_');
    if (!hash.starts_with("SHA256:") || first == std::string::npos || last <= first ||
        !name.ends_with(".deb"))
      throw support::failure("failed to understand apt: '" + line + "'");
    pins.push_back({.name = name.substr(0, first),
                    .version = unescaped(name.substr(first + 1, last - first - 1)),
                    .architecture = name.substr(last + 1, name.size() - last - 5),
                    .sha256 = hash.substr(7),
                    .size = size,
                    .file = line.substr(1, quote - 1),
                    .archive = ""});
    pins.back().archive = cut_root(pins.back().file, roots);
  }
  return pins;
}

void set_archive(Pin& pin, const std::string& madison) {
  const std::string root = std::exchange(pin.archive, "");
  std::istringstream lines(madison);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, bar, version, second, uri, release;
    words >> name >> bar >> version >> second >> uri >> release;
    if (name != pin.name || version != pin.version || release.find('/') == std::string::npos)
      continue;
    release.resize(release.rfind('/'));
    pin.security = pin.security || ends_with_security(release);
    if (trimmed(uri) == root && (pin.archive.empty() || ends_with_security(release)))
      pin.archive = release;
  }
}

std::string apt_download(const std::vector<std::string>& sources, const std::vector<Pin>& pins,
                         const fs::path& folder) {
  write_sources(folder / "apt", sources);
  std::vector<std::string> argv{"/usr/lib/apt/apt-helper", "download-file"};
  for (const auto& pin : pins) {
    std::string root = parse_source(sources.at(0)).root;
    for (const auto& line : sources)
      if (const SourceLine source = parse_source(line); source.release == pin.archive)
        root = source.root;
    argv.insert(argv.end(), {root + "/" + pin.file, (folder / pin.sha256).string(), "SHA256:" + pin.sha256});
  }
  const auto result = support::run({.argv = with_options(argv, folder / "apt"), .directory = folder});
  std::istringstream lines(result.err);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("E: "))
      return line.substr(3);
  return result.err;
}

void deb_extract(const fs::path& deb, const fs::path& folder) {
  run_checked({.argv = {"dpkg-deb", "--extract", deb.string(), folder.string()}});
}

}  // namespace vmimage::base
