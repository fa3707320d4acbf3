#pragma once
// What an executable JAR says of itself: its manifest, and the Java that its main class was compiled for.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vmimage::stack {

/// The main section of META-INF/MANIFEST.MF (JAR File Specification, "JAR Manifest"), names in lower case.
/// Pure.
std::map<std::string, std::string> parse_jar_manifest(std::string_view text);

/// The Java release that a class file is for (Java Virtual Machine Specification, 4.1); 0 when it is none.
/// Pure.
int java_release_of(std::string_view class_file);

struct JarContent {
  std::string main_class;  ///< what the JAR starts with; for Spring Boot the application's
  int release = 0;         ///< that this class needs
  bool nested = false;     ///< it has further JARs inside, as Spring Boot's do
  std::vector<std::filesystem::path>
      class_path;  ///< files that it loads from beside it; relative to its folder
};

/// Throws Error{Usage} for what is no JAR, has no main class, or names one that is not there.
JarContent read_jar(const std::filesystem::path& file);

}  // namespace vmimage::stack
