#pragma once
// The bill of materials of an image: SPDX 2.3 (spdx.github.io/spdx-spec/v2.3), as JSON. Pure.

#include <string>

#include "recipe/manifest.hpp"

namespace vmimage::sbom {

/// Follows from the manifest alone, so that it is the same beside an image and out of it. Two-space indented,
/// keys sorted, newline at the end.
std::string spdx(const recipe::Manifest& manifest);

/// A Debian or Ubuntu package as a package URL (github.com/package-url/purl-spec, type "deb"). `base` is the
/// manifest's.
std::string package_url(const recipe::Package& package, const std::string& base);

}  // namespace vmimage::sbom
