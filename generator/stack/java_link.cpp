#include "stack/java_link.hpp"

#include <fmt/format.h>

#include <charconv>
#include <set>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::stack {

namespace fs = std::filesystem;
using support::run_checked;

namespace {

constexpr const char* kVersion = "1";  // raise when what make_runtime() makes is another for the same input
constexpr const char* kRoot = "root";  // of the entry, beside what the cache keeps there
/// Which no class names, as they are asked for by name: the cipher suites of today's TLS.
constexpr const char* kHidden = "jdk.crypto.ec";
/// Of a JAR with further JARs inside, into which jdeps does not look: what a service may use.
constexpr const char* kAll =
    "java.se,jdk.httpserver,jdk.management,jdk.naming.dns,jdk.net,jdk.unsupported,jdk.zipfs";

struct Jdk {
  fs::path jlink, jdeps;
  std::string about;  ///< its file `release`
  int release = 0;
};

Jdk find_jdk() {
  const fs::path found = support::find_program("jlink");
  if (found.empty())
    throw support::failure("failed to make a Java runtime: there is no 'jlink' on this machine",
                           "install a JDK, e.g. openjdk-17-jdk-headless; or take a debian base");
  const fs::path jlink = fs::canonical(found);
  const fs::path release = jlink.parent_path().parent_path() / "release";
  const std::string about = fs::exists(release) ? support::read_file(release) : "";
  return {jlink, jlink.parent_path() / "jdeps", about, jdk_release(about)};
}

void add_names(std::set<std::string>& names, std::string_view list) {
  while (!list.empty()) {
    const auto end = std::min(list.find_first_of(",\r\n "), list.size());
    if (end > 0)
      names.emplace(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

std::string needed_modules(const Jdk& jdk, const recipe::Jar& jar, const JarContent& content) {
  if (content.nested)
    return kAll;
  std::vector<std::string> argv{jdk.jdeps,
                                "-J-XX:TieredStopAtLevel=1",  // which is half the time for a run this short
                                "-J-XX:+UseSerialGC",
                                "--print-module-deps",
                                "--ignore-missing-deps",
                                "--multi-release",
                                std::to_string(std::max(jdk.release, 9)),
                                jar.file};
  for (const auto& path : content.class_path)
    argv.push_back(jar.file.parent_path() / path);
  return run_checked({.argv = argv});
}

/// Without an archive of the classes that every start loads: Java 17 writes other bytes into it each time.
void make_runtime(const Jdk& jdk, const std::string& modules, const fs::path& folder) {
  const fs::path java = folder / "usr/lib/java";
  fs::create_directories(java.parent_path());
  run_checked({.argv = {jdk.jlink, "--add-modules", modules, "--no-header-files", "--no-man-pages",
                        "--output", java}});
  // A desktop's parts, as Debian's headless runtime leaves them out.
  for (const char* name : {"libawt_xawt.so", "libjawt.so", "libjsound.so", "libsplashscreen.so"})
    fs::remove(java / "lib" / name);
}

}  // namespace

std::vector<std::string> java_modules(std::string_view jdeps, const std::vector<std::string>& options) {
  constexpr std::string_view kOption = "--add-modules";
  std::set<std::string> names{kHidden};
  add_names(names, jdeps);
  for (auto option = options.begin(); option != options.end(); ++option) {
    if (option->starts_with(std::string(kOption) + "="))
      add_names(names, std::string_view(*option).substr(kOption.size() + 1));
    else if (*option == kOption && std::next(option) != options.end())
      add_names(names, *++option);
  }
  return {names.begin(), names.end()};
}

int jdk_release(std::string_view text) {
  constexpr std::string_view kKey = "JAVA_VERSION=\"";
  const auto at = text.find(kKey);
  if (at == text.npos)
    return 0;
  const std::string_view value = text.substr(at + kKey.size());
  int release = 0;
  std::from_chars(value.data(), value.data() + value.size(), release);
  return release;
}

fs::path linked_runtime(const cache::Cache& cache, const recipe::Jar& jar, const JarContent& content) {
  const Jdk jdk = find_jdk();
  if (jdk.release != 0 && content.release > jdk.release)
    throw support::invalid(
        fmt::format(
            "failed to use '{}' as the service: its class '{}' is compiled for Java {}, and '{}', which "
            "makes the runtime, is of Java {}",
            jar.file.string(), content.main_class, content.release, jdk.jlink.string(), jdk.release),
        fmt::format("compile it with --release {}, or put a JDK of Java {} first on the PATH", jdk.release,
                    content.release));
  const std::string modules =
      fmt::format("{}", fmt::join(java_modules(needed_modules(jdk, jar, content), jar.options), ","));
  const std::string key =
      support::Digest().add(kVersion).add(jdk.jlink.string()).add(jdk.about).add(modules).hex();
  return cache.entry("java", key, [&](const fs::path& folder) {
    make_runtime(jdk, modules, folder / kRoot);
  }) / kRoot;
}

}  // namespace vmimage::stack
