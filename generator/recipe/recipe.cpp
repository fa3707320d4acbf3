#include "recipe/recipe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "format/format.hpp"
#include "recipe/settings.hpp"
#include "support/error.hpp"

namespace vmimage::recipe {

using support::Fields;
namespace fs = std::filesystem;

namespace {

const std::regex kName("[A-Za-z0-9][A-Za-z0-9._+-]{0,127}");
const std::regex kUser("[a-z_][a-z0-9_-]{0,30}");  // useradd(8)
const std::regex kFolder("/[A-Za-z0-9._+@/-]*");
const std::regex kPackage("[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?");  // Debian Policy 5.6.7
const std::regex kBase("(debian|ubuntu):[a-z][a-z0-9-]*|minimal");

constexpr std::size_t kLongestName = 256;  // std::regex recurses for each character

void require(Fields& fields, const std::string& key, const std::string& text, const std::regex& pattern,
             const std::string& what, const std::string& hint) {
  if (text.size() > kLongestName)
    fields.fail(key, fmt::format("'{}…' is too long for a {}", text.substr(0, 32), what), hint);
  if (!std::regex_match(text, pattern))
    fields.fail(key, fmt::format("'{}' is no {}", text, what), hint);
}

/// Text that ends up in a line of another file.
std::string read_line(Fields& fields, const std::string& key, std::size_t longest) {
  const std::string text = fields.string(key);
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 127; }))
    fields.fail(key, "holds a line break or another control character");
  if (text.size() > longest)
    fields.fail(key, fmt::format("has {} bytes, must be at most {}", text.size(), longest));
  return text;
}

std::uint64_t read_size(Fields& fields, const std::string& key) {
  try {
    return parse_size(fields.string(key));
  } catch (const support::Error& error) {
    fields.fail(key, error.what(), error.hint());
  }
}

fs::path against(const fs::path& folder, const std::string& path) {
  return (folder / path).lexically_normal();
}

/// A file's path is against the recipe's folder; all other bases are names.
std::string read_base(Fields& fields, const std::string& standard, const fs::path& folder) {
  if (!fields.has("base"))
    return standard;
  const std::string base = read_line(fields, "base", 4096);
  if (base.starts_with(kFileBase)) {
    if (base == kFileBase)
      fields.fail("base", "'file:' names no file", "put the path of a disk image or a root tar behind it");
    return kFileBase + against(folder, base.substr(kFileBase.size())).string();
  }
  require(fields, "base", base, kBase, "known base",
          "known are debian:<suite> (like debian:bookworm), ubuntu:<suite>, minimal and file:<path>");
  return base;
}

/// What a base that is not made from a distribution's packages cannot have.
void check_base(Fields& fields, const Recipe& recipe) {
  const bool file = recipe.base.starts_with(kFileBase);
  const auto no_packages = [&](const char* key, bool none) {
    if (recipe.base == "minimal" && !none)
      fields.fail(key, "the base 'minimal' has no package manager",
                  "use a debian base, or leave the packages out");
  };
  no_packages("packages", recipe.packages.empty());
  no_packages("package_files", recipe.package_files.empty());
  if (file && !recipe.packages.empty())
    fields.fail("packages", "a base that is a file has the packages that it has",
                "install them there, or leave them out");
  if (!recipe.volumes.empty() && recipe.base == "minimal")
    fields.fail("volumes", "the base 'minimal' cannot make file systems", "use a debian base");
  if (file && recipe.lock)
    fields.fail("lock", "a base that is a file is pinned by its content", "leave the lock out");
  if (file && recipe.secure_boot)
    fields.fail("secure_boot_key", "a base that is a file has a boot loader of its own",
                "sign that one, or use another base");
}

std::vector<FileEntry> read_files(Fields& fields, const fs::path& folder) {
  std::vector<FileEntry> files;
  for (Fields& entry : fields.objects("files")) {
    const FileEntry file{against(folder, entry.string("source")), entry.string("destination")};
    const fs::path destination(file.destination);
    if (!destination.is_absolute() ||
        std::find(destination.begin(), destination.end(), "..") != destination.end())
      entry.fail("destination", fmt::format("'{}' is no absolute path", file.destination),
                 "start it with '/', without '..'");
    entry.finish();
    files.push_back(file);
  }
  return files;
}

std::vector<fs::path> read_paths(Fields& fields, const std::string& key, const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& path : fields.strings(key)) {
    if (path.empty())
      fields.fail(key, "a path is empty");
    paths.push_back(against(folder, path));
  }
  return paths;
}

/// Each is a path, or an object that says more of it.
std::vector<Script> read_scripts(Fields& fields, const std::string& where, const fs::path& folder) {
  constexpr std::int64_t kLongest = 7 * 24 * 3600;
  std::vector<Script> scripts;
  if (!fields.has("provision"))
    return scripts;
  const support::json& list = fields.value("provision");
  if (!list.is_array())
    fields.fail("provision", "must be an array");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const support::json entry = list[i].is_string() ? support::json{{"script", list[i]}} : list[i];
    Fields script(entry, where, fmt::format("/provision/{}", i));
    const std::string path = script.string("script");
    if (path.empty())
      script.fail("script", "is empty");
    scripts.push_back({against(folder, path), script.boolean("network", false),
                       script.integer("timeout", 1, kLongest, Script::kTimeout)});
    script.finish();
  }
  return scripts;
}

std::vector<std::string> read_words(Fields& fields, const std::string& key) {
  const std::vector<std::string> words = fields.strings(key);
  for (const auto& word : words)
    if (word.empty() || word.find_first_of(std::string("\n\0", 2)) != std::string::npos)
      fields.fail(key, "a word is empty, or holds a line break or a NUL");
  return words;
}

std::optional<Jar> read_jar(Fields& fields, const fs::path& folder) {
  const std::vector<std::string> options = read_words(fields, "java_options");
  if (!fields.has("jar")) {
    if (!options.empty())
      fields.fail("java_options", "is there, and jar is not", "name the executable JAR");
    return std::nullopt;
  }
  const std::string file = read_line(fields, "jar", 4096);
  if (file.empty())
    fields.fail("jar", "is empty", "name an executable JAR");
  return Jar{against(folder, file), options};
}

void read_service(Fields& fields, Recipe& recipe, const fs::path& folder) {
  recipe.command = read_words(fields, "command");
  recipe.packages = fields.strings("packages");
  recipe.jar = read_jar(fields, folder);
  if (recipe.jar && !recipe.command.empty())
    fields.fail("command", "is there, and jar is too", "a JAR is started by its main class: leave one out");
  if (recipe.command.empty() && !recipe.jar && recipe.packages.empty() && recipe.package_files.empty())
    fields.fail("command", "is missing", "give the service's command line, or packages that bring a service");
  for (const auto& package : recipe.packages)
    require(fields, "packages", package, kPackage, "package name", "see Debian Policy 5.6.7");
  const std::string program =
      recipe.command.empty() ? recipe.name : fs::path(recipe.command[0]).filename().string();
  recipe.service = fields.string("service", program);
  require(fields, "service", recipe.service, kName, "service name", "use letters, digits and . _ + -");
  recipe.user = fields.string("user", default_user(recipe.service));
  require(fields, "user", recipe.user, kUser, "user name",
          "use at most 31 lower-case letters, digits, _ and -");
  recipe.environment = read_environment(fields);
  if (fields.has("working_directory")) {
    recipe.working_directory = fields.string("working_directory");
    require(fields, "working_directory", *recipe.working_directory, kFolder, "full path in the image",
            "start it with '/', and use letters, digits and . _ + @ - besides");
  }
}

/// Folders of their own, none within another, and none that the system itself starts from.
std::vector<Volume> read_volumes(Fields& fields) {
  static const std::regex folder("(/[A-Za-z0-9_][A-Za-z0-9._+@-]*)+");
  static const std::regex system(
      "/(bin|boot|dev|etc|lib|lib64|proc|root|run|sbin|sys|tmp|usr|var|var/(lib|log|tmp))|"
      "/(boot|dev|etc|proc|run|sys|tmp|usr)/.*");
  std::vector<Volume> volumes;
  for (Fields& entry : fields.objects("volumes")) {
    Volume volume{.path = entry.string("path"), .size = read_size(entry, "size")};
    require(entry, "path", volume.path, folder, "full path of a folder",
            "e.g. /var/lib/orders: letters, digits and . _ + @ -, no '/' at its end");
    if (std::regex_match(volume.path, system))
      entry.fail("path", fmt::format("'{}' is a folder of the system", volume.path),
                 "name one of the service's own, e.g. /var/lib/orders");
    if (volume.size < (64ull << 20))
      entry.fail("size", "is less than 64M", "give at least 64M");
    for (const auto& other : volumes)
      if ((volume.path + "/").starts_with(other.path + "/") ||
          (other.path + "/").starts_with(volume.path + "/"))
        entry.fail("path", fmt::format("'{}' and '{}' are in one another", other.path, volume.path),
                   "one of them is enough");
    entry.finish();
    volumes.push_back(volume);
  }
  return volumes;
}

void read_allowed_secrets(Fields& fields, Recipe& recipe) {
  recipe.allowed_secrets = fields.strings("allow_secrets");
  for (const auto& name : recipe.allowed_secrets)
    if (name.empty() || (name[0] != '/' && name.find('/') != std::string::npos))
      fields.fail("allow_secrets",
                  fmt::format("'{}' is neither a full path in the image nor a variable", name),
                  "start a path with '/', or name a variable of the environment");
}

/// Both or none.
std::optional<SecureBoot> read_secure_boot(Fields& fields, const fs::path& folder) {
  constexpr const char* kKey = "secure_boot_key";
  constexpr const char* kCertificate = "secure_boot_certificate";
  if (!fields.has(kKey) && !fields.has(kCertificate))
    return std::nullopt;
  for (const auto& [absent, present] : {std::pair{kKey, kCertificate}, std::pair{kCertificate, kKey}})
    if (!fields.has(absent))
      fields.fail(absent, fmt::format("is missing, and {} is there", present),
                  "a signature takes both the key and its certificate");
  const auto path = [&](const char* key) {
    const std::string text = read_line(fields, key, 4096);
    if (text.empty())
      fields.fail(key, "is empty", "name a PEM file");
    return against(folder, text);
  };
  return SecureBoot{path(kKey), path(kCertificate)};
}

void read_formats(Fields& fields, Recipe& recipe) {
  if (!fields.has("formats"))
    return;
  recipe.formats = fields.strings("formats");
  if (recipe.formats.empty())
    fields.fail("formats", "is empty", "leave it out for qcow2");
  for (const auto& name : recipe.formats) {
    try {
      format::find(name);
    } catch (const support::Error& error) {
      fields.fail("formats", error.what(), error.hint());
    }
  }
}

}  // namespace

std::string default_user(const std::string& name) {
  std::string user;
  for (const char c : name) {
    const char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    user += (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '_' || lower == '-'
                ? lower
                : '_';
  }
  if (user.empty() || !((user[0] >= 'a' && user[0] <= 'z') || user[0] == '_'))
    user.insert(0, 1, '_');
  return user.substr(0, 31);
}

Recipe parse_recipe(const std::string& text, const std::string& where, const fs::path& folder) {
  const support::json document = support::parse_json(text, where);
  Fields fields(document, where);
  fields.require_version(kRecipeVersion, "recipe");
  if (fields.has("$schema"))
    fields.string("$schema");
  Recipe recipe;
  recipe.name = fields.string("name");
  require(fields, "name", recipe.name, kName, "image name", "use letters, digits and . _ + -");
  if (fields.has("image_version"))
    recipe.version = read_line(fields, "image_version", 128);
  recipe.base = read_base(fields, recipe.base, folder);
  if (fields.has("kernel"))
    recipe.kernel = fields.string("kernel");
  if (recipe.kernel != "cloud" && recipe.kernel != "generic")
    fields.fail("kernel", fmt::format("'{}' is no known kernel", recipe.kernel),
                "known are cloud and generic");
  recipe.package_files = read_paths(fields, "package_files", folder);
  read_service(fields, recipe, folder);
  for (const auto& tree : fields.strings("trees"))
    recipe.trees.push_back(against(folder, tree));
  recipe.overlays = read_paths(fields, "overlays", folder);
  recipe.files = read_files(fields, folder);
  recipe.provision = read_scripts(fields, where, folder);
  recipe.volumes = read_volumes(fields);
  recipe.ports = read_ports(fields);
  recipe.health = read_health(fields, recipe.ports);
  recipe.size.cpus = static_cast<int>(fields.integer("cpus", 1, 1024, 1));
  recipe.size.memory = recipe.jar ? 512ull << 20 : recipe.base == "minimal" ? 128ull << 20 : 256ull << 20;
  if (fields.has("memory"))
    recipe.size.memory = read_size(fields, "memory");
  if (recipe.size.memory < (64ull << 20))
    fields.fail("memory", "is less than 64M", "give at least 64M");
  if (fields.has("disk"))
    recipe.disk = read_size(fields, "disk");
  read_formats(fields, recipe);
  if (fields.has("mirror"))
    recipe.mirror = read_line(fields, "mirror", 4096);
  if (fields.has("lock")) {
    const std::string lock = read_line(fields, "lock", 4096);
    if (lock.empty())
      fields.fail("lock", "is empty", "name a file that vmimage base lock made, or leave it out");
    recipe.lock = against(folder, lock);
  }
  recipe.secure_boot = read_secure_boot(fields, folder);
  read_allowed_secrets(fields, recipe);
  check_base(fields, recipe);
  fields.finish();
  return recipe;
}

}  // namespace vmimage::recipe
