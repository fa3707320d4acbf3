#pragma once
// A Java runtime for a base that has none: the modules that a JAR needs, linked by this machine's JDK
// (jlink).

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache.hpp"
#include "recipe/recipe.hpp"
#include "stack/jar.hpp"

namespace vmimage::stack {

constexpr const char* kLinkedJava = "/usr/lib/java/bin/java";  ///< where it is started in the image

/// The modules of a JAR: what `jdeps --print-module-deps` says of it, what `--add-modules` in the options of
/// the virtual machine names, and what is found at run time only. In order, each once. Pure.
std::vector<std::string> java_modules(std::string_view jdeps, const std::vector<std::string>& options);

/// The release that a JDK's file `release` says; 0 when it says none. Pure.
int jdk_release(std::string_view text);

/// A folder of the cache whose content goes to "/" of the image. Throws Error{Usage} when this machine's JDK
/// is older than the JAR, and Error when there is none.
std::filesystem::path linked_runtime(const cache::Cache& cache, const recipe::Jar& jar,
                                     const JarContent& content);

}  // namespace vmimage::stack
