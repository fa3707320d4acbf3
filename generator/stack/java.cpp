#include "stack/java.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <regex>

#include "stack/jar.hpp"
#include "stack/java_link.hpp"
#include "support/error.hpp"

namespace vmimage::stack {

using recipe::Recipe;
namespace fs = std::filesystem;

namespace {

/// The newest Java that a suite has for good; of others, Debian's and Ubuntu's default.
const std::map<std::string, int> kReleases{{"debian:bullseye", 17},
                                           {"debian:bookworm", 17},
                                           {"debian:trixie", 21},
                                           {"ubuntu:jammy", 21},
                                           {"ubuntu:noble", 21}};

void require_release(const Recipe& recipe, const JarContent& jar, const JavaRuntime& runtime) {
  if (runtime.release == 0 || jar.release <= runtime.release)
    return;
  throw support::invalid(
      fmt::format(
          "failed to use '{}' as the service: its class '{}' is compiled for Java {}, and the base {} has "
          "Java {}",
          recipe.jar->file.string(), jar.main_class, jar.release, recipe.base, runtime.release),
      fmt::format("compile it with --release {}, or take a base with Java {}", runtime.release, jar.release));
}

/// Puts a Java runtime into the recipe; returns the program that starts it.
std::string add_runtime(Recipe& recipe, const JarContent& jar, const cache::Cache& cache) {
  if (recipe.base == "minimal") {
    recipe.trees.push_back(linked_runtime(cache, *recipe.jar, jar));
    return kLinkedJava;
  }
  const JavaRuntime runtime = java_runtime(recipe.base, recipe.packages);
  require_release(recipe, jar, runtime);
  if (!runtime.package.empty() &&
      std::find(recipe.packages.begin(), recipe.packages.end(), runtime.package) == recipe.packages.end())
    recipe.packages.push_back(runtime.package);
  return "/usr/bin/java";
}

}  // namespace

JavaRuntime java_runtime(const std::string& base, const std::vector<std::string>& packages) {
  static const std::regex runtime("openjdk-([0-9]{1,3})-(jre|jdk)(-headless)?");
  std::smatch match;
  for (const auto& package : packages)
    if (std::regex_match(package, match, runtime))
      return {package, std::stoi(match[1])};
  if (base.starts_with(recipe::kFileBase))
    return {};
  const auto known = kReleases.find(base);
  if (known == kReleases.end())
    return {"default-jre-headless", 0};
  return {fmt::format("openjdk-{}-jre-headless", known->second), known->second};
}

int heap_percentage(std::uint64_t memory) {
  // The guest's kernel and systemd take some 60 MiB; classes, compiled code, threads and buffers some 80 MiB,
  // and more of a larger service.
  constexpr std::uint64_t kLeast = 144ull << 20;
  constexpr std::uint64_t kShare = 4;
  constexpr std::uint64_t kSmallestHeap = 25;
  const std::uint64_t besides = std::max(kLeast, memory / kShare);
  const std::uint64_t percent = besides < memory ? (memory - besides) * 100 / memory : 0;
  return static_cast<int>(std::max(percent, kSmallestHeap));
}

Recipe with_java(Recipe recipe, const cache::Cache& cache) {
  if (!recipe.jar)
    return recipe;
  const JarContent jar = read_jar(recipe.jar->file);
  const std::string program = add_runtime(recipe, jar, cache);

  const fs::path folder = "/usr/share/" + recipe.service;
  const fs::path source = recipe.jar->file.parent_path();
  const fs::path place = folder / recipe.jar->file.filename();
  recipe.files.push_back({recipe.jar->file, place.string()});
  for (const auto& path : jar.class_path)
    recipe.files.push_back({source / path, (folder / path).string()});

  // By both names: Java takes the second for machines with less than some 250 MiB.
  const int percent = heap_percentage(recipe.size.memory);
  recipe.command = {program, fmt::format("-XX:MaxRAMPercentage={}", percent),
                    fmt::format("-XX:MinRAMPercentage={}", percent),
                    "-XX:+ExitOnOutOfMemoryError"};  // so that it is started again
  recipe.command.insert(recipe.command.end(), recipe.jar->options.begin(), recipe.jar->options.end());
  recipe.command.insert(recipe.command.end(), {"-jar", place.string()});
  recipe.jar.reset();
  return recipe;
}

}  // namespace vmimage::stack
