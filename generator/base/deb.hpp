#pragma once
// Binary packages: deb(5), deb-control(5).

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vmimage::base {

/// The fields of a control file's first paragraph (deb822(5)); continued lines are joined with '\n'. Pure.
std::map<std::string, std::string> parse_control(const std::string& text);

/// The package names of a dependency field, each with its alternatives: "a (>= 1) | b, c:any" → {{a, b},
/// {c}}. Pure.
std::vector<std::vector<std::string>> parse_dependencies(const std::string& field);

/// The fields of a .deb's control file. Throws Error{Usage} when it is no Debian package.
std::map<std::string, std::string> deb_control(const std::filesystem::path& deb);

/// One file out of a .deb, at most `limit` bytes of it; nothing when it is not there. `path` is absolute.
std::optional<std::string> deb_file(const std::filesystem::path& deb, const std::string& path,
                                    std::size_t limit);

/// At most `limit` bytes of what was compressed by gzip. Throws Error{Failure}.
std::string gunzip(const std::string& packed, std::size_t limit);

/// What has to be known of a package to install it.
struct PackageNeeds {
  std::string name;
  bool essential = false;
  std::vector<std::string> provides;
  std::vector<std::vector<std::string>> pre_depends;
  std::vector<std::vector<std::string>> depends;
};
PackageNeeds needs_of(const std::map<std::string, std::string>& control);

/// Which packages (by index) must be unpacked before any maintainer script can run: the essential ones, with
/// all that they depend on. Pure.
std::vector<std::size_t> first_packages(const std::vector<PackageNeeds>& packages);

/// Packages (by index) in rounds: those of a round have what they pre-depend on in the rounds before, or not
/// among `packages` at all. Pure.
std::vector<std::vector<std::size_t>> install_rounds(const std::vector<PackageNeeds>& packages);

}  // namespace vmimage::base
