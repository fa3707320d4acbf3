#pragma once
// Debian packages, from the mirror that the host itself uses, without root and without touching the host's
// apt.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cache/cache.hpp"
#include "recipe/lock.hpp"

namespace vmimage::base {

/// A release of a distribution, as bases name it: "debian:bookworm".
struct Suite {
  std::string vendor;  ///< "debian" | "ubuntu"
  std::string name;    ///< "bookworm"

  std::string title() const { return vendor + ":" + name; }
};

/// sources.list(5) lines for a suite: its main, updates and security archives. `mirror` replaces the host's;
/// options in brackets may precede it, as in sources.list(5). Throws Error{Usage} when the host has no
/// archive of this distribution configured and no mirror is given.
std::vector<std::string> apt_sources(const Suite& suite, const std::optional<std::string>& mirror);

/// Pure part of the above: `targets` is the output of apt-get indextargets with "$(REPO_URI) $(RELEASE)".
std::vector<std::string> sources_for_suite(const std::string& targets, const Suite& suite);

/// One line of sources.list(5), taken apart.
struct SourceLine {
  std::string options;  ///< "[…]" or empty
  std::string root;     ///< URI, without a slash at its end
  std::string release;  ///< "bookworm-security"
};
SourceLine parse_source(const std::string& line);

/// Which of two states of the archives: the one that this machine builds from, or the one that was looked at
/// to find out what is new.
enum class View { Build, News };

/// What apt says to .debs that are to be installed where dpkg's database is `status` (a file).
struct Answer {
  std::vector<recipe::Pin> needed;  ///< what has to be installed too
  std::string refusal;              ///< why they cannot be installed, in apt's words; empty: they can
};

/// What the archives of a suite offer, as this machine saw it last: apt's lists, in the cache's folder
/// "index". They are fetched when they are not there, or refresh() is called; everything else works without
/// network.
class Index {
 public:
  Index(const cache::Cache& cache, const Suite& suite, const std::optional<std::string>& mirror,
        View view = View::Build);

  /// Fetches the lists again. Throws Error; the old ones stay then.
  void refresh();
  /// Names this state of the archives: 64 hexadecimal digits. Fetches the lists when there are none.
  std::string digest();
  /// What the archives said of themselves.
  std::vector<recipe::ArchiveState> archives();

  /// The newest version of these packages with all that they depend on, sorted by name. Throws Error{Usage}
  /// for a package that is not there, or cannot be installed together with the others.
  std::vector<recipe::Pin> closure(const std::vector<std::string>& packages);
  /// For packages that are no archive's.
  Answer ask(const std::vector<std::filesystem::path>& debs, const std::filesystem::path& status);
  /// The newest version of each of these packages by itself, in the order asked for.
  std::vector<recipe::Pin> newest(const std::vector<std::string>& packages);
  /// All versions that there are of these packages, in apt-cache(8) madison's words, the newest of each
  /// first; nothing of those that are not there.
  std::string versions(const std::vector<std::string>& packages);
  /// The package that a metapackage depends on, e.g. linux-image-cloud-amd64 →
  /// linux-image-6.1.0-56-cloud-amd64.
  std::string dependency_like(const std::string& package, const std::string& prefix);

 private:
  std::string run(std::vector<std::string> argv) const;
  void require();
  bool is_whole() const;
  void fetch();  ///< both for those who hold the lock
  std::string madison(const std::vector<std::string>& packages) const;
  void set_archives(std::vector<recipe::Pin>& pins) const;
  std::filesystem::path folder_;
  std::filesystem::path lock_;
  Suite suite_;
  std::optional<std::string> mirror_;
  bool checked_ = false;
};

/// As Index::ask(), where there is no archive that anything more could come from.
Answer ask_without_archive(const std::vector<std::filesystem::path>& debs,
                           const std::filesystem::path& status);

/// Pure parts of Index: the output of apt-get(8) --print-uris, where each URI lies below one of the `roots`,
/// which becomes the pin's archive until set_archive() finds the release in the output of apt-cache(8)
/// madison, "name | version | URI release/component …".
std::vector<recipe::Pin> parse_uris(const std::string& output, const std::vector<std::string>& roots);
void set_archive(recipe::Pin& pin, const std::string& madison);

/// Downloads files by apt's own ways (transports, proxies, credentials), each checked against its SHA-256, to
/// `folder`, where each is named by its SHA-256. What could not be had, is not there afterwards; returns why.
std::string apt_download(const std::vector<std::string>& sources, const std::vector<recipe::Pin>& pins,
                         const std::filesystem::path& folder);

void deb_extract(const std::filesystem::path& deb, const std::filesystem::path& folder);

}  // namespace vmimage::base
