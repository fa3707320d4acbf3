#include "stack/jar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "support/archive.hpp"
#include "support/error.hpp"

namespace vmimage::stack {

using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr const char* kManifest = "/META-INF/MANIFEST.MF";
constexpr const char* kSpringClasses = "/BOOT-INF/classes";
constexpr std::uint64_t kLargest = 64 << 20;  // of a manifest or a class

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// "com.example.Main" → "/com/example/Main.class"
std::string class_file_of(std::string name) {
  std::replace(name.begin(), name.end(), '.', '/');
  return "/" + name + ".class";
}

/// The members of these names that there are, by name.
std::map<std::string, std::string> read_members(const fs::path& jar, const std::vector<std::string>& names) {
  std::map<std::string, std::string> members;
  try {
    support::read_zip(jar, [&](support::ArchiveEntry& entry) {
      const std::string path = entry.path();
      if (std::find(names.begin(), names.end(), path) != names.end() && entry.size() <= kLargest)
        members[path] = entry.content();
    });
  } catch (const support::Error& error) {
    if (error.kind() == support::ErrorKind::Interrupted)
      throw;
    throw invalid(
        fmt::format("failed to use '{}' as the service: it is no JAR ({})", jar.string(), error.what()),
        "name the JAR that the build makes; is it there, and whole?");
  }
  return members;
}

/// Class-Path entries that are files beside the JAR; Java passes over the others, too.
std::vector<fs::path> class_path_of(const fs::path& jar, const std::string& entries) {
  std::vector<fs::path> files;
  std::istringstream words(entries);
  for (std::string word; words >> word;) {
    const fs::path path = fs::path(word).lexically_normal();
    if (path.is_relative() && *path.begin() != ".." && fs::is_regular_file(jar.parent_path() / path))
      files.push_back(path);
  }
  return files;
}

/// The class of this name, in the JAR or in what it loads from.
std::string find_class(const fs::path& jar, const std::vector<fs::path>& class_path,
                       const std::string& name) {
  const std::string file = class_file_of(name);
  std::vector<fs::path> places{jar};
  for (const auto& path : class_path)
    places.push_back(jar.parent_path() / path);
  for (const auto& place : places)
    for (const auto& [path, content] : read_members(place, {kSpringClasses + file, file}))
      return content;
  return {};
}

}  // namespace

std::map<std::string, std::string> parse_jar_manifest(std::string_view text) {
  std::map<std::string, std::string> values;
  std::string name;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : std::min(end + 1, text.size()));
    if (line.empty())
      break;
    if (line[0] == ' ') {  // goes on with the line before
      if (!name.empty())
        values[name] += line.substr(1);
      continue;
    }
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos)
      continue;
    name = lower(std::string(line.substr(0, colon)));
    values[name] = line.substr(colon + 2);
  }
  return values;
}

int java_release_of(std::string_view class_file) {
  constexpr int kBeforeJava1 = 44;
  if (class_file.size() < 8 || !class_file.starts_with("\xca\xfe\xba\xbe"))
    return 0;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(class_file[at]); };
  return (byte(6) << 8 | byte(7)) - kBeforeJava1;
}

JarContent read_jar(const fs::path& file) {
  if (!fs::is_regular_file(file))
    throw invalid(fmt::format("failed to use '{}' as the service: no such file", file.string()),
                  "build the JAR first; relative paths are against the recipe's folder");
  const auto members = read_members(file, {kManifest});
  const auto manifest = members.contains(kManifest) ? parse_jar_manifest(members.at(kManifest))
                                                    : std::map<std::string, std::string>();
  const auto value = [&](const char* name) {
    const auto found = manifest.find(name);
    std::string text = found == manifest.end() ? "" : found->second;
    text.erase(text.find_last_not_of(" \t") + 1);
    return text;
  };
  JarContent content{.main_class = value("start-class"),
                     .nested = !value("start-class").empty(),
                     .class_path = class_path_of(file, value("class-path"))};
  if (value("main-class").empty())
    throw invalid(
        fmt::format("failed to use '{}' as the service: its manifest has no Main-Class", file.string()),
        "make the JAR executable: jar --create --main-class CLASS, or the main class of Maven's or "
        "Gradle's jar plugin");
  if (content.main_class.empty())
    content.main_class = value("main-class");
  const std::string main = find_class(file, content.class_path, content.main_class);
  if (main.empty())
    throw invalid(fmt::format("failed to use '{}' as the service: its main class '{}' is not in it",
                              file.string(), content.main_class),
                  "correct its Main-Class, or pack the JARs that it needs into it");
  content.release = java_release_of(main);
  return content;
}

}  // namespace vmimage::stack
