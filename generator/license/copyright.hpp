#pragma once
// The licences of a Debian package, out of its copyright file. Pure.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "recipe/manifest.hpp"

namespace vmimage::license {

inline constexpr const char* kUnknown = "NOASSERTION";

/// The SPDX expression of the licences that /usr/share/doc/<package>/copyright tells: all of them, joined by
/// AND. A machine-readable file (DEP-5) names them; those that SPDX does not know become
/// "LicenseRef-<package>--<name>". In another file only references to /usr/share/common-licenses count, and
/// when there are other terms in it, or what they refer to is not clear, the answer is NOASSERTION.
std::string expression_of(const std::string& package, const std::string& copyright);

/// A short name as DEP-5 writes them ("GPL-2+", "BSD-3-clause or Expat"), as an SPDX expression.
std::string parse_names(const std::string& package, const std::string& names);

/// Files below /usr/share/doc: where each symbolic link points to, and the copyright files themselves.
struct Documents {
  std::map<std::string, std::string> links;  ///< by absolute path: target
  std::map<std::string, std::string> texts;  ///< by absolute path: content

  /// The copyright file of a package, through links; empty when there is none.
  std::string copyright(const std::string& package) const;
};

/// Whether a path is one that Documents holds.
bool is_document(const std::string& path);

/// Fills in the licences of the packages that have a copyright file.
void find_licenses(std::vector<recipe::Package>& packages, const Documents& documents);

/// Licences by package, as they are kept: one line each, "name expression".
std::string to_lines(const std::vector<recipe::Package>& packages);
void take_lines(std::vector<recipe::Package>& packages, const std::string& lines);

}  // namespace vmimage::license
