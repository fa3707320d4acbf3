#pragma once
// Which shared libraries a service needs, as the host's own dynamic loader finds them, and where they come
// from.

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "rootfs/tree.hpp"

namespace vmimage::rootfs {

/// What the first bytes of a program say (System V ABI, ELF header; AMD64 supplement).
enum class ProgramKind { Elf, ForeignElf, Script, Other };
ProgramKind program_kind(const std::filesystem::path& file);
bool is_shared_elf(const std::filesystem::path& file);  ///< dynamically linked, for this machine

/// Whether a path says that the file is for another C library: there are packages that bring a module for
/// each and take the one that works. Pure.
bool is_variant(const std::string& path);

/// Where the loader looks without being told to (Debian's glibc, ld.so(8)).
const std::set<std::string>& default_library_folders();

/// A library of the host: the path under which the loader finds it.
struct Library {
  std::string name;            ///< as in DT_NEEDED, or the loader's own path
  std::filesystem::path path;  ///< absolute
  bool operator<(const Library& other) const { return path < other.path; }
};

/// Pure: parses what "ld.so --list" prints (ld.so(8)). Libraries that are not found go to `missing`.
std::vector<Library> parse_loader_list(const std::string& text, std::vector<std::string>& missing);

/// All libraries of the host that the ELF files of the tree need, and that the tree itself does not have.
/// Throws Error{Usage} when one is not found, naming who needs it.
std::vector<Library> host_libraries(const Tree& tree);

/// The installed Debian package that owns each library; libraries that no package owns are left out.
std::map<std::filesystem::path, std::string> owning_packages(const std::vector<Library>& libraries);

/// Puts libraries of the host into the tree where the image's loader finds them.
void add_libraries(Tree& tree, const std::vector<Library>& libraries);

}  // namespace vmimage::rootfs
