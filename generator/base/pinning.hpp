#pragma once
// Locks out of what the archives offer, and what has moved since.

#include <optional>
#include <string>
#include <vector>

#include "base/packages.hpp"
#include "cache/cache.hpp"
#include "recipe/lock.hpp"
#include "recipe/manifest.hpp"

namespace vmimage::base {

/// What the Debian base asks for by name.
const std::vector<std::string>& debian_packages();

/// The suite whose archives a base is made from: "debian:bookworm", "minimal". Throws Error{Usage} for a base
/// that is not made from packages.
Suite suite_of(const std::string& base);

/// What `all` has besides `base`; nothing when `all` does not have the whole base in the same versions,
/// because what is added had apt choose otherwise. Both sorted by name. Pure.
std::optional<std::vector<recipe::Pin>> added_to(const std::vector<recipe::Pin>& base,
                                                 const std::vector<recipe::Pin>& all);

/// A lock of a base with further packages, as the archives offer them. Throws Error{Usage} for a package that
/// they do not have.
recipe::Lock make_lock(const cache::Cache& cache, const std::string& base,
                       const std::vector<std::string>& requested, const std::optional<std::string>& mirror,
                       View view, const std::string& kernel = "cloud");

/// A package that has a newer version.
struct Outdated {
  std::string name;
  std::string installed;
  std::string available;
  bool security = false;  ///< a security update lies between the two
  std::string change;     ///< first line of what the newer one's changelog says; empty: not known
};

enum class Changelogs { No, Yes };

/// Which of the packages have newer versions in the archives (as they are in View::News): security updates
/// first, then by name. Reading the changelogs downloads the newer packages.
std::vector<Outdated> outdated(const cache::Cache& cache, const std::vector<recipe::Package>& installed,
                               const Suite& suite, const std::optional<std::string>& mirror,
                               Changelogs changelogs, const Progress& progress);

/// The first change that a Debian changelog (deb-changelog(5)) tells of its newest version, on one line; that
/// one which names a vulnerability (CVE-…) goes first. Pure.
std::string first_change(const std::string& changelog);

}  // namespace vmimage::base
