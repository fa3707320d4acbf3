#pragma once
// What looks like a secret: private keys, tokens of known shapes, files that hold credentials. Pure.
//
// Only what has a shape of its own counts (a prefix and so many random characters, a key with its body), so
// that there is little to be said about what is no secret: public certificates, the words "PRIVATE KEY" in a
// program, examples in documentation.

#include <optional>
#include <string>
#include <string_view>

namespace vmimage::secrets {

struct Finding {
  std::string what;  ///< "a private key"
  std::size_t line = 0;
};

/// The first secret in a file. `path` is where it goes: some files are known by their names.
std::optional<Finding> scan(const std::string& path, std::string_view content);

/// What is wrong with the value of an environment variable.
std::optional<Finding> scan_variable(const std::string& name, const std::string& value);

}  // namespace vmimage::secrets
