#pragma once
// A service that is an executable JAR: what of the recipe says so becomes packages, files and a command.

#include <cstdint>
#include <string>
#include <vector>

#include "cache/cache.hpp"
#include "recipe/recipe.hpp"

namespace vmimage::stack {

struct JavaRuntime {
  std::string package;
  int release = 0;  ///< 0: not known
};

/// The Java of a base, without a desktop's parts; the one that `packages` has when they have one. The package
/// is empty on a base that is a file. Pure.
JavaRuntime java_runtime(const std::string& base, const std::vector<std::string>& packages);

/// How much of a machine's memory the heap may take, in percent: what the guest and the virtual machine
/// itself need is left. Pure.
int heap_percentage(std::uint64_t memory);

/// The recipe with the JAR, if it has one, put into packages (on `minimal`: into a tree of the cache), files
/// and command. Throws Error{Usage} for a JAR that would not start.
recipe::Recipe with_java(recipe::Recipe recipe, const cache::Cache& cache);

}  // namespace vmimage::stack
