#pragma once
// dpkg's own files, as text. Pure.

#include <string>
#include <vector>

#include "recipe/manifest.hpp"

namespace vmimage::base {

/// The installed packages of dpkg's database (/var/lib/dpkg/status, deb-control(5)).
std::vector<recipe::Package> parse_status(const std::string& status);

}  // namespace vmimage::base
