#include "inspect/diff.hpp"

#include <algorithm>
#include <future>
#include <set>

namespace vmimage::inspect {

using filesystem::NodeType;
using support::json;

namespace {

/// Where systemd looks for units, first that which counts (systemd.unit(5)).
const std::vector<std::string> kUnitFolders{"/etc/systemd/system/", "/usr/local/lib/systemd/system/",
                                            "/usr/lib/systemd/system/", "/lib/systemd/system/"};

bool is_unit(const std::string& name) {
  for (const char* kind :
       {".service", ".socket", ".timer", ".target", ".path", ".mount", ".automount", ".swap", ".slice"})
    if (name.ends_with(kind))
      return true;
  return false;
}

/// What of a manifest is compared by itself, or follows from the rest.
json settings_of(const recipe::Manifest& manifest) {
  json document = json::parse(recipe::to_json(manifest));
  for (const char* key : {"packages", "files", "digest", "base_digest", "lock_digest", "formats", "time"})
    document.erase(key);
  document["boot"].erase("digest");
  return document.flatten();
}

std::string text_of_value(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

std::vector<Move> compare_settings(const Snapshot& before, const Snapshot& after) {
  std::vector<Move> moves;
  if (!before.manifest || !after.manifest)
    return moves;
  const json old_ones = settings_of(*before.manifest), new_ones = settings_of(*after.manifest);
  std::set<std::string> keys;
  for (const auto* all : {&old_ones, &new_ones})
    for (const auto& item : all->items())
      keys.insert(item.key());
  for (const auto& key : keys) {
    const Move move{key, text_of_value(old_ones.value(key, json())),
                    text_of_value(new_ones.value(key, json()))};
    if (move.before != move.after)
      moves.push_back(move);
  }
  return moves;
}

std::map<std::string, std::string> versions(const std::vector<recipe::Package>& packages) {
  std::map<std::string, std::string> by_name;
  for (const auto& package : packages) {
    std::string& version = by_name[package.name];
    if (version.find(package.version) == std::string::npos)  // of two architectures they are the same
      version += (version.empty() ? "" : ", ") + package.version;
  }
  return by_name;
}

/// What either has, in the order of names.
template <typename Value, typename Each>
void both(const std::map<std::string, Value>& before, const std::map<std::string, Value>& after, Each each) {
  auto left = before.begin();
  auto right = after.begin();
  while (left != before.end() || right != after.end()) {
    const int order = left == before.end()   ? 1
                      : right == after.end() ? -1
                                             : left->first.compare(right->first);
    each(order <= 0 ? left->first : right->first, order <= 0 ? &left->second : nullptr,
         order >= 0 ? &right->second : nullptr);
    if (order <= 0)
      ++left;
    if (order >= 0)
      ++right;
  }
}

std::vector<Move> compare_packages(const Snapshot& before, const Snapshot& after) {
  std::vector<Move> moves;
  both(versions(before.packages), versions(after.packages),
       [&](const std::string& name, const std::string* old_version, const std::string* new_version) {
         if (!old_version || !new_version || *old_version != *new_version)
           moves.push_back({name, old_version ? *old_version : "", new_version ? *new_version : ""});
       });
  return moves;
}

/// The package that brought a file. The kernel's modules come from its package, which dpkg does not know of.
std::string package_of(const std::string& path, const Snapshot& before, const Snapshot& after) {
  for (const auto* owners : {&after.owners, &before.owners})
    if (const auto found = owners->find(path); found != owners->end())
      return found->second;
  const std::string modules = "/usr/lib/modules/";
  if (path.starts_with(modules))
    return "linux-image-" + path.substr(modules.size(), path.find('/', modules.size()) - modules.size());
  return {};
}

std::vector<std::string> changes_between(const NodeState& before, const NodeState& after, bool owners_known) {
  std::vector<std::string> changes;
  if (before.type != after.type)
    changes.push_back("type");
  else if (before.type == NodeType::File && (before.size != after.size || before.sha256 != after.sha256))
    changes.push_back("content");
  if (before.type == after.type && before.target != after.target)
    changes.push_back("target");
  if (owners_known && before.mode != after.mode)
    changes.push_back("mode");
  if (owners_known && (before.uid != after.uid || before.gid != after.gid))
    changes.push_back("owner");
  return changes;
}

std::set<std::string> service_files(const Snapshot& before, const Snapshot& after) {
  std::set<std::string> paths;
  for (const auto* snapshot : {&before, &after})
    if (snapshot->manifest)
      for (const auto& file : snapshot->manifest->files)
        paths.insert(file.path);
  return paths;
}

/// The files that a comparison can be about: all, or what both manifests can tell of.
std::map<std::string, NodeState> comparable(const Snapshot& snapshot, const Snapshot& other) {
  if (other.whole || !snapshot.whole)
    return snapshot.files;
  std::map<std::string, NodeState> files;
  if (snapshot.manifest)
    for (const auto& file : snapshot.manifest->files)
      if (const auto found = snapshot.files.find(file.path);
          found != snapshot.files.end() && found->second.type == NodeType::File)
        files.insert(*found);
  return files;
}

std::vector<FileChange> compare_files(const Snapshot& before, const Snapshot& after) {
  std::vector<FileChange> list;
  const bool whole = before.whole && after.whole;
  const std::set<std::string> added = service_files(before, after);
  both(comparable(before, after), comparable(after, before),
       [&](const std::string& path, const NodeState* left, const NodeState* right) {
         FileChange change;
         if (left && right) {
           change.changes = changes_between(*left, *right, whole);
           if (change.changes.empty())
             return;
         }
         change.path = path;
         if (left)
           change.before = *left;
         if (right)
           change.after = *right;
         change.package = package_of(path, before, after);
         change.of_service = added.contains(path);
         list.push_back(std::move(change));
       });
  return list;
}

std::vector<UnitChange> compare_units(const Snapshot& before, const Snapshot& after,
                                      const std::vector<FileChange>& files) {
  std::set<std::string> changed;
  for (const auto& file : files)
    changed.insert(file.path);
  std::vector<UnitChange> list;
  both(units_of(before), units_of(after), [&](const std::string& name, const Unit* left, const Unit* right) {
    const Unit none;
    const Unit& old_unit = left ? *left : none;
    const Unit& new_unit = right ? *right : none;
    UnitChange change{name, {}};
    const auto say = [&](bool was, bool is, const char* now, const char* no_longer) {
      if (was != is)
        change.changes.push_back(is ? now : no_longer);
    };
    say(old_unit.present, new_unit.present, "added", "removed");
    if (old_unit.present && new_unit.present) {
      std::set<std::string> definitions(old_unit.files.begin(), old_unit.files.end());
      definitions.insert(new_unit.files.begin(), new_unit.files.end());
      if (std::any_of(definitions.begin(), definitions.end(),
                      [&](const std::string& path) { return changed.contains(path); }))
        change.changes.push_back("changed");
    }
    say(old_unit.enabled, new_unit.enabled, "enabled", "disabled");
    say(old_unit.masked, new_unit.masked, "masked", "unmasked");
    if (!change.changes.empty())
      list.push_back(change);
  });
  return list;
}

}  // namespace

std::map<std::string, Unit> units_of(const Snapshot& snapshot) {
  std::map<std::string, Unit> units;
  for (const auto& folder : kUnitFolders)
    for (auto file = snapshot.files.lower_bound(folder);
         file != snapshot.files.end() && file->first.starts_with(folder); ++file) {
      const auto& [path, state] = *file;
      const std::string rest = path.substr(folder.size());
      const auto slash = rest.find('/');
      const std::string name = rest.substr(rest.rfind('/') + 1);
      const std::string holder = slash == std::string::npos ? "" : rest.substr(0, slash);
      if (holder.empty()) {
        if (!is_unit(name) || state.type == NodeType::Directory)
          continue;
        if (state.type == NodeType::Symlink && state.target == "/dev/null")
          units[name].masked = true;
        else
          units[name].present = true;
        units[name].files.push_back(path);
      } else if ((holder.ends_with(".wants") || holder.ends_with(".requires")) && is_unit(name)) {
        units[name].enabled = true;
      } else if (holder.ends_with(".d") && is_unit(holder.substr(0, holder.size() - 2))) {
        units[holder.substr(0, holder.size() - 2)].files.push_back(path);
      }
    }
  return units;
}

std::vector<std::string> undecided(const Snapshot& before, const Snapshot& after) {
  std::vector<std::string> paths;
  both(comparable(before, after), comparable(after, before),
       [&](const std::string& path, const NodeState* left, const NodeState* right) {
         if (left && right && left->type == NodeType::File && right->type == NodeType::File &&
             left->size == right->size && left->size != 0)
           paths.push_back(path);
       });
  return paths;
}

Difference compare(const Snapshot& before, const Snapshot& after) {
  Difference difference;
  difference.complete = before.whole && after.whole;
  difference.settings = compare_settings(before, after);
  difference.packages = compare_packages(before, after);
  difference.files = compare_files(before, after);
  if (difference.complete)
    difference.units = compare_units(before, after, difference.files);
  return difference;
}

Pair look_at(const std::filesystem::path& before, const std::filesystem::path& after) {
  Subject old_one(before), new_one(after);
  // Each has a device of its own, so that they do not wait for each other.
  const auto at_once = [&](auto action) {
    auto other = std::async(std::launch::async, [&] { action(old_one); });
    action(new_one);
    other.get();
  };
  at_once([](Subject& subject) { subject.look(); });
  const std::vector<std::string> paths = undecided(old_one.snapshot(), new_one.snapshot());
  at_once([&](Subject& subject) { subject.read(paths); });
  return {std::move(old_one.snapshot()), std::move(new_one.snapshot())};
}

}  // namespace vmimage::inspect
