#pragma once
// What is different between two images.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "inspect/snapshot.hpp"
#include "support/json.hpp"

namespace vmimage::inspect {

/// Old and new; empty: not there.
struct Move {
  std::string name;
  std::string before;
  std::string after;
};

struct FileChange {
  std::string path;
  std::optional<NodeState> before;   ///< absent: added
  std::optional<NodeState> after;    ///< absent: removed
  std::vector<std::string> changes;  ///< of what is in both: "type", "content", "mode", "owner", "target"
  std::string package;               ///< that brought it; empty: none
  bool of_service = false;           ///< one that an image's manifest names
};

struct UnitChange {
  std::string name;
  /// "added", "removed", "changed", "enabled", "disabled", "masked", "unmasked"
  std::vector<std::string> changes;
};

struct Difference {
  bool complete =
      true;  ///< false: of one there was a manifest alone, so only what manifests tell is compared
  std::vector<Move> settings;  ///< keys of the manifest, as JSON pointers
  std::vector<Move> packages;
  std::vector<FileChange> files;
  std::vector<UnitChange> units;
  bool empty() const { return settings.empty() && packages.empty() && files.empty() && units.empty(); }
};

/// Files of both whose content has to be read before compare() can tell. Pure.
std::vector<std::string> undecided(const Snapshot& before, const Snapshot& after);

/// Pure.
Difference compare(const Snapshot& before, const Snapshot& after);

/// systemd's units in a root file system, as far as it can be seen from outside (systemd.unit(5)). Pure.
struct Unit {
  bool present = false;
  bool enabled = false;
  bool masked = false;
  std::vector<std::string> files;  ///< its definitions and their additions (<unit>.d)
};
std::map<std::string, Unit> units_of(const Snapshot& snapshot);

/// Both images, read at the same time.
struct Pair {
  Snapshot before;
  Snapshot after;
};
Pair look_at(const std::filesystem::path& before, const std::filesystem::path& after);

}  // namespace vmimage::inspect
