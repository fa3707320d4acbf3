#pragma once
// What "vmimage outdated" and "vmimage base outdated" print.

#include <optional>
#include <string>
#include <vector>

#include "base/pinning.hpp"

namespace vmimage::command {

/// Whether a word means a file rather than a base.
bool is_file(const std::string& what);

enum class OutdatedFormat { Lines, Json };

/// Looks at the archives of the base and prints which of the packages have newer versions.
void report_outdated(const std::vector<recipe::Package>& packages, const std::string& base,
                     const std::optional<std::string>& mirror, OutdatedFormat format,
                     base::Changelogs changelogs);

}  // namespace vmimage::command
