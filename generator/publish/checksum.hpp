#pragma once
// What registries say about what arrived.

#include <filesystem>
#include <string>

namespace vmimage::publish {

/// A file's digest by any algorithm that OpenSSL knows ("sha512"), lower-case digits; empty when it knows
/// none of that name.
std::string file_digest(const std::filesystem::path& file, const std::string& algorithm);

}  // namespace vmimage::publish
