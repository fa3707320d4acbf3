#pragma once
// The lock: the exact packages that a base is made of, as JSON (docs/recipe.md "Locks",
// docs/lock.schema.json), kept beside the project's sources. Pure.

#include <cstdint>
#include <string>
#include <vector>

namespace vmimage::recipe {

constexpr int kLockVersion = 1;

/// One package file of an archive.
struct Pin {
  std::string name;
  std::string version;
  std::string architecture;  ///< "amd64" | "all"
  std::string sha256;        ///< of the .deb, 64 hexadecimal digits
  std::uint64_t size = 0;    ///< of the .deb, bytes
  std::string file;          ///< below the archive's root: "pool/main/b/bash/bash_5.2.15-2+b7_amd64.deb"
  std::string archive;       ///< the release it comes from: "bookworm", "bookworm-security", …
  bool security = false;     ///< this version is a security update

  bool operator==(const Pin&) const = default;
};

/// What an archive was when the lock was made (its Release file).
struct ArchiveState {
  std::string release;
  std::string date;    ///< "Date" of the Release file
  std::string sha256;  ///< of the Release file as it was read (InRelease)
};

struct Lock {
  std::string base;                    ///< "debian:bookworm" | "minimal"
  std::vector<std::string> requested;  ///< packages asked for besides the base's own; sorted
  std::vector<ArchiveState> archives;
  std::vector<Pin> base_packages;   ///< the base's own, with what they depend on; sorted by name
  std::vector<Pin> added_packages;  ///< what `requested` brings besides; sorted by name
  std::vector<Pin> boot_packages;   ///< kernel, boot loaders, busybox: taken apart, not installed
};

/// Parses and checks a lock. Throws Error{Usage} that starts with `where`.
Lock parse_lock(const std::string& text, const std::string& where);
std::string to_json(const Lock& lock);  ///< two-space indented, keys sorted, newline at the end

/// "sha256:…" over what is installed: the base's name and every package, but not the archives' dates, so that
/// it changes exactly when an image made by it can change.
std::string lock_digest(const Lock& lock);

/// A package whose version differs between two sets; `from` or `to` is empty when it is in one only.
struct Move {
  std::string name;
  std::string from;
  std::string to;
  bool security = false;  ///< `to` is a security update
};

/// What changes between two sets of pins: security updates first, then by name.
std::vector<Move> moves(const std::vector<Pin>& before, const std::vector<Pin>& after);

/// All pins of a lock.
std::vector<Pin> all_pins(const Lock& lock);

}  // namespace vmimage::recipe
