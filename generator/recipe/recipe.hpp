#pragma once
// The recipe: all that goes into one image, as JSON (docs/recipe.md, docs/recipe.schema.json). Pure.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "recipe/service.hpp"

namespace vmimage::recipe {

constexpr int kRecipeVersion = 1;

/// A file or folder put at an absolute path of the image; a folder goes with all it holds.
/// What the name of a base that is a file begins with; its path follows.
inline const std::string kFileBase = "file:";

struct FileEntry {
  std::filesystem::path source;
  std::string destination;
};

/// A program that is run once, inside the root file system, while the image is made.
struct Script {
  static constexpr std::int64_t kTimeout = 30 * 60;
  std::filesystem::path file;
  bool network = false;
  std::int64_t timeout = kTimeout;  ///< seconds
};

/// What the boot loader is signed with for Secure Boot: files on this machine, PEM.
struct SecureBoot {
  std::filesystem::path key;
  std::filesystem::path certificate;
};

/// A service that is an executable JAR, run by a Java runtime of the base's packages.
struct Jar {
  std::filesystem::path file;
  std::vector<std::string> options;  ///< of the Java virtual machine
};

struct Recipe {
  std::string name;                      ///< also the stem of the output files
  std::string version = "0";             ///< the service's version
  std::string base = "debian:bookworm";  ///< debian:<suite> | ubuntu:<suite> | minimal | file:<path>
  std::string kernel = "cloud";          ///< "cloud" | "generic"
  std::vector<std::string>
      command;             ///< argv; the first word is a path inside the image, or a name on its PATH
  std::optional<Jar> jar;  ///< the service, instead of a command (stack/java.hpp)
  std::map<std::string, std::string> environment;
  std::string service;  ///< the service's name (its unit, its state folder /var/lib/<service>); default: the
                        ///< command's file name
  std::optional<std::string> working_directory;  ///< the service is started in; absent: its state folder
  std::string user;  ///< the user the service runs as; created as a system user if absent
  std::vector<std::filesystem::path> trees;     ///< staged install trees; their content goes to "/"
  std::vector<std::filesystem::path> overlays;  ///< the same, but there before the scripts run
  std::vector<FileEntry> files;
  std::vector<std::string> packages;                 ///< distribution packages
  std::vector<std::filesystem::path> package_files;  ///< packages as files (.deb)
  std::vector<Script> provision;                     ///< run in this order
  std::vector<Volume> volumes;
  std::vector<Port> ports;
  HealthCheck health;
  Size size;
  std::optional<std::uint64_t> disk;  ///< bytes of the whole disk; absent: the base's default
  std::vector<std::string> formats = {"qcow2"};
  std::optional<std::string> mirror;          ///< package mirror; absent: the host's own
  std::vector<std::string> allowed_secrets;   ///< paths in the image and variables that may hold secrets
  std::optional<SecureBoot> secure_boot;      ///< absent: not signed
  std::optional<std::filesystem::path> lock;  ///< the packages' exact versions (recipe/lock.hpp)
};

/// Parses and checks one recipe; relative paths are against `folder`. Throws Error{Usage} that starts with
/// `where`.
Recipe parse_recipe(const std::string& text, const std::string& where, const std::filesystem::path& folder);

/// The user a service runs as when none is named: its name, lower-cased, cut to what useradd takes.
std::string default_user(const std::string& name);

}  // namespace vmimage::recipe
