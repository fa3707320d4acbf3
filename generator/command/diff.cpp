// vmimage diff: what changed between two images.

#include "inspect/diff.hpp"

#include <fmt/format.h>

#include <map>
#include <memory>

#include "command/command.hpp"
#include "command/node_type.hpp"
#include "command/print.hpp"
#include "recipe/service.hpp"
#include "support/error.hpp"

namespace vmimage::command {

namespace fs = std::filesystem;
using filesystem::NodeType;
using inspect::Difference;
using inspect::FileChange;
using inspect::NodeState;
using support::json;
using support::one_line;

namespace {

constexpr std::size_t kFewFiles = 20;  // without --files

struct Options {
  fs::path before;
  fs::path after;
  bool json = false;
  bool files = false;
  bool exit_code = false;
};

// For people

std::string amount(std::uint64_t bytes) {
  return bytes < 1024 ? fmt::format("{} bytes", bytes) : recipe::format_size(bytes);
}

std::string moved(const std::string& before, const std::string& after) {
  return before == after ? after : before + " -> " + after;
}

std::string mode_of(const NodeState& state) {
  return fmt::format("{:04o}", state.mode);
}

std::string owner_of(const NodeState& state) {
  return fmt::format("{}:{}", state.uid, state.gid);
}

/// "~ /usr/bin/orders  content 18.2 KiB -> 18.4 KiB, mode 0644 -> 0755".
std::string line_of(const FileChange& file) {
  const std::string path = one_line(file.path);
  const auto& only = file.after ? *file.after : *file.before;
  if (!file.before || !file.after) {
    const std::string detail = only.type == NodeType::File        ? amount(only.size)
                               : only.type == NodeType::Symlink   ? "-> " + one_line(only.target)
                               : only.type == NodeType::Directory ? "folder"
                                                                  : "device";
    return fmt::format("  {} {}  {}", file.after ? '+' : '-', path, detail);
  }
  std::string details;
  for (const auto& change : file.changes) {
    details += details.empty() ? "" : ", ";
    details += change == "content"  ? "content " + moved(amount(file.before->size), amount(file.after->size))
               : change == "mode"   ? "mode " + moved(mode_of(*file.before), mode_of(*file.after))
               : change == "owner"  ? "owner " + moved(owner_of(*file.before), owner_of(*file.after))
               : change == "target" ? "target " + one_line(moved(file.before->target, file.after->target))
                                    : "another type of file";
  }
  return fmt::format("  ~ {}  {}", path, details);
}

/// What nobody wants to read one by one: of packages that changed themselves, and what follows from those.
enum class Place { Listed, OfChangedPackage, Database };

Place place_of(const FileChange& file, const std::map<std::string, std::size_t>& changed_packages) {
  if (file.of_service)
    return Place::Listed;
  if (!file.package.empty() && changed_packages.contains(file.package))
    return Place::OfChangedPackage;
  if (!changed_packages.empty() &&
      (file.path.starts_with("/var/lib/dpkg/") || file.path == "/etc/ld.so.cache"))
    return Place::Database;
  return file.path == recipe::kManifestPath ? Place::Database : Place::Listed;
}

void print_packages(const Difference& difference, const std::map<std::string, std::size_t>& counts) {
  if (difference.packages.empty())
    return;
  fmt::print("packages\n");
  for (const auto& package : difference.packages) {
    const std::size_t files = counts.at(package.name);
    fmt::print("  {} {} {}{}\n",
               package.before.empty()  ? '+'
               : package.after.empty() ? '-'
                                       : '~',
               package.name,
               package.before.empty()  ? package.after
               : package.after.empty() ? package.before
                                       : package.before + " -> " + package.after,
               files == 0 ? "" : fmt::format("  ({} file{})", files, files == 1 ? "" : "s"));
  }
}

void print_files(const Difference& difference, const std::map<std::string, std::size_t>& counts, bool all) {
  std::vector<const FileChange*> listed;
  for (const auto& file : difference.files)
    if (all || place_of(file, counts) == Place::Listed)
      listed.push_back(&file);
  std::size_t others = 0;
  if (!listed.empty())
    fmt::print("files\n");
  for (const FileChange* file : listed)
    if (all || file->of_service || ++others <= kFewFiles)
      fmt::print("{}\n", line_of(*file));
  if (others > kFewFiles)
    fmt::print("  … and {} more (--files)\n", others - kFewFiles);
}

void print(const inspect::Pair& pair, const Difference& difference, bool all_files) {
  if (!difference.complete)
    fmt::print("(of one there is only the manifest: files of the base, owners and units are not compared)\n");
  if (!difference.settings.empty())
    fmt::print("settings\n");
  for (const auto& setting : difference.settings)
    fmt::print("  {} {}\n", setting.name.substr(1),
               setting.before.empty()  ? "= " + one_line(setting.after)
               : setting.after.empty() ? "gone (was " + one_line(setting.before) + ")"
                                       : one_line(setting.before) + " -> " + one_line(setting.after));
  std::map<std::string, std::size_t> counts;
  for (const auto& package : difference.packages)
    counts[package.name] = 0;
  for (const auto& file : difference.files)
    if (place_of(file, counts) == Place::OfChangedPackage)
      ++counts[file.package];
  print_packages(difference, counts);
  print_files(difference, counts, all_files);
  if (!difference.units.empty())
    fmt::print("units\n");
  for (const auto& unit : difference.units)
    fmt::print("  {} {}\n", unit.name, fmt::join(unit.changes, ", "));
  if (difference.complete && !difference.empty())
    fmt::print("sizes\n  image {}\n  root file system {}\n",
               moved(amount(pair.before.image_bytes), amount(pair.after.image_bytes)),
               moved(amount(pair.before.root_bytes), amount(pair.after.root_bytes)));
  if (difference.empty())
    fmt::print("no difference\n");
}

// For programs

json state_json(const NodeState& state, bool whole) {
  json object{{"type", type_name(state.type)}, {"size", state.size}};
  if (whole) {
    object["mode"] = mode_of(state);
    object["uid"] = state.uid;
    object["gid"] = state.gid;
  }
  if (state.type == NodeType::Symlink)
    object["target"] = state.target;
  if (!state.sha256.empty())
    object["sha256"] = state.sha256;
  return object;
}

json files_json(const Difference& difference) {
  json added = json::array(), removed = json::array(), changed = json::array();
  for (const auto& file : difference.files) {
    json object{{"path", file.path}};
    if (!file.package.empty())
      object["package"] = file.package;
    if (file.before && file.after) {
      object["changes"] = file.changes;
      object["old"] = state_json(*file.before, difference.complete);
      object["new"] = state_json(*file.after, difference.complete);
      changed.push_back(object);
    } else {
      object.update(state_json(file.after ? *file.after : *file.before, difference.complete));
      (file.after ? added : removed).push_back(object);
    }
  }
  return {{"added", added}, {"removed", removed}, {"changed", changed}};
}

json packages_json(const Difference& difference) {
  json added = json::array(), removed = json::array(), changed = json::array();
  for (const auto& package : difference.packages)
    if (package.before.empty())
      added.push_back({{"name", package.name}, {"version", package.after}});
    else if (package.after.empty())
      removed.push_back({{"name", package.name}, {"version", package.before}});
    else
      changed.push_back({{"name", package.name}, {"old", package.before}, {"new", package.after}});
  return {{"added", added}, {"removed", removed}, {"changed", changed}};
}

json image_json(const inspect::Snapshot& snapshot) {
  json object{{"path", snapshot.path}, {"whole", snapshot.whole}};
  if (snapshot.manifest) {
    object["name"] = snapshot.manifest->name;
    object["image_version"] = snapshot.manifest->version;
    object["digest"] = snapshot.manifest->digest;
  }
  if (snapshot.whole) {
    object["image_bytes"] = snapshot.image_bytes;
    object["root_bytes"] = snapshot.root_bytes;
  }
  return object;
}

void print_as_json(const inspect::Pair& pair, const Difference& difference) {
  json settings = json::array(), units = json::array();
  for (const auto& setting : difference.settings)
    settings.push_back({{"key", setting.name}, {"old", setting.before}, {"new", setting.after}});
  for (const auto& unit : difference.units)
    units.push_back({{"name", unit.name}, {"changes", unit.changes}});
  print_json({{"version", 1},
              {"old", image_json(pair.before)},
              {"new", image_json(pair.after)},
              {"different", !difference.empty()},
              {"complete", difference.complete},
              {"settings", settings},
              {"packages", packages_json(difference)},
              {"files", files_json(difference)},
              {"units", units}});
}

void diff(const Options& options) {
  const inspect::Pair pair = inspect::look_at(options.before, options.after);
  const Difference difference = inspect::compare(pair.before, pair.after);
  if (options.json)
    print_as_json(pair, difference);
  else
    print(pair, difference, options.files);
  if (options.exit_code && !difference.empty())
    throw CLI::RuntimeError(1);
}

}  // namespace

void add_diff(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("diff", "Says what changed between two images of any format");
  command->add_option("old", options->before, "An image, or its manifest")->required()->type_name("OLD");
  command->add_option("new", options->after, "Another one")->required()->type_name("NEW");
  command->add_flag("--files", options->files, "List every file");
  command->add_flag("--json", options->json, "As JSON");
  command->add_flag("--exit-code", options->exit_code, "Exit with 1 when there is a difference");
  command->callback([options] { diff(*options); });
}

}  // namespace vmimage::command
