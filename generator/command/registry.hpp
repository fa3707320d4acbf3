#pragma once
// What the commands about published images have in common.

#include <CLI/CLI.hpp>
#include <string>

#include "publish/registry.hpp"
#include "support/json.hpp"

namespace vmimage::command {

struct RegistryOptions {
  std::string kind;
  std::string cloud;
  std::string profile;
  std::string region;
  std::vector<std::string> regions;
};

/// The account that they mean. Throws Error{Usage} for options of another registry.
std::unique_ptr<publish::Registry> open_registry(const RegistryOptions& options);

/// --to, and whose account: --cloud, --profile, --region, --regions.
void add_registry_options(CLI::App& command, RegistryOptions& options);

/// A published image as --json tells it.
support::json to_json(const publish::Published& image);
}  // namespace vmimage::command
