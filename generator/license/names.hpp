#pragma once
// What Debian calls a licence, and what SPDX does (spdx.org/licenses). Pure.

#include <optional>
#include <string>

namespace vmimage::license {

/// The SPDX expression of one DEP-5 short name, without exceptions; nothing when SPDX has no such licence.
/// Case does not matter.
std::optional<std::string> spdx_of(const std::string& name);

/// The SPDX exception that "<name> with <exception> exception" means for a licence of SPDX.
std::optional<std::string> spdx_exception(const std::string& license, const std::string& exception);

}  // namespace vmimage::license
