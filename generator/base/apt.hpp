#pragma once
// Debian packages, from the mirror that the host itself uses, without root and without touching the host's
// apt.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vmimage::base {

/// sources.list(5) lines for a suite: its main, updates and security archives. `mirror` replaces the host's.
/// Throws Error{Usage} when the host has no Debian archive configured and no mirror is given.
std::vector<std::string> apt_sources(const std::string& suite, const std::optional<std::string>& mirror);

/// Pure part of the above: `targets` is the output of apt-get indextargets with "$(REPO_URI) $(RELEASE)".
std::vector<std::string> sources_for_suite(const std::string& targets, const std::string& suite);

/// An apt of our own, in a temporary folder.
class Apt {
 public:
  Apt(const std::vector<std::string>& sources, const std::filesystem::path& folder);
  /// The package that a metapackage depends on, e.g. linux-image-cloud-amd64 →
  /// linux-image-6.1.0-56-cloud-amd64.
  std::string dependency_like(const std::string& package, const std::string& prefix);
  /// Downloads packages; returns the .deb files, in the order asked for.
  std::vector<std::filesystem::path> download(const std::vector<std::string>& packages);

 private:
  std::string run(std::vector<std::string> argv) const;
  std::filesystem::path folder_;
};

/// One field of a .deb's control file (deb-control(5)).
std::string deb_field(const std::filesystem::path& deb, const std::string& field);
void deb_extract(const std::filesystem::path& deb, const std::filesystem::path& folder);

}  // namespace vmimage::base
