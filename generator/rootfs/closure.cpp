#include "rootfs/closure.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::rootfs {

using filesystem::NodeType;
namespace fs = std::filesystem;

namespace {

constexpr const char* kLoader = "/lib64/ld-linux-x86-64.so.2";
constexpr const char* kLibraryFolder = "/usr/lib/x86_64-linux-gnu";

const std::set<std::string> kDefaultFolders{"/lib",         "/usr/lib", "/lib/x86_64-linux-gnu",
                                            kLibraryFolder, "/lib64",   "/usr/lib64"};

std::string head_of(const fs::path& file, std::size_t size) {
  std::ifstream stream(file, std::ios::binary);
  std::string bytes(size, '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<std::size_t>(stream.gcount()));
  return bytes;
}

/// Java's launcher has loaded this by its path when those that need it, and would not find it, are loaded.
constexpr const char* kJavaMachine = "libjvm.so";

/// Folders of the tree that hold shared libraries: the loader must prefer them to the host's.
std::string tree_library_folders(const Tree& tree) {
  std::set<std::string> folders;
  for (const auto& [path, node] : tree) {
    const std::string name = fs::path(path).filename();
    if (!node.source.empty() &&
        (name == kJavaMachine || (name.find(".so") != std::string::npos &&
                                  kDefaultFolders.contains(fs::path(path).parent_path().string()))))
      folders.insert(node.source.parent_path().string());
  }
  return fmt::format("{}", fmt::join(folders, ":"));
}

/// Whether what the loader did not find, or could not take, is the C library of another system: musl's has
/// that in its name, or is asked for as "libc.so", which here is a text for the linker.
bool is_other_libc(const std::string& missing) {
  return missing.find("musl") != std::string::npos || missing == "libc.so" ||
         missing.find("/libc.so: ") != std::string::npos;
}

}  // namespace

bool is_variant(const std::string& path) {
  return path.find("musl") != std::string::npos;
}

const std::set<std::string>& default_library_folders() {
  return kDefaultFolders;
}

ProgramKind program_kind(const fs::path& file) {
  const std::string head = head_of(file, sizeof(Elf64_Ehdr));
  if (head.starts_with("#!"))
    return ProgramKind::Script;
  if (!head.starts_with(ELFMAG))
    return ProgramKind::Other;
  Elf64_Ehdr header{};
  if (head.size() < sizeof(header))
    return ProgramKind::ForeignElf;
  std::memcpy(&header, head.data(), sizeof(header));
  const bool ours = header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == EM_X86_64 &&
                    (header.e_type == ET_EXEC || header.e_type == ET_DYN);
  return ours ? ProgramKind::Elf : ProgramKind::ForeignElf;
}

bool is_shared_elf(const fs::path& file) {
  if (program_kind(file) != ProgramKind::Elf)
    return false;
  Elf64_Ehdr header{};
  std::ifstream stream(file, std::ios::binary);
  stream.read(reinterpret_cast<char*>(&header), sizeof(header));
  for (int i = 0; i < header.e_phnum && stream; ++i) {
    Elf64_Phdr segment{};
    stream.seekg(
        static_cast<std::streamoff>(header.e_phoff + static_cast<std::uint64_t>(i) * header.e_phentsize));
    stream.read(reinterpret_cast<char*>(&segment), sizeof(segment));
    if (stream && segment.p_type == PT_DYNAMIC)
      return true;
  }
  return false;
}

std::vector<Library> parse_loader_list(const std::string& text, std::vector<std::string>& missing) {
  std::vector<Library> libraries;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    // "<tab>name => path (0xaddress)"; a path may have spaces and brackets of its own.
    line.erase(0, line.find_first_not_of(" \t"));
    if (const auto address = line.rfind(" (0x"); address != std::string::npos)
      line.erase(address);
    const auto arrow = line.find(" => ");
    const std::string name = line.substr(0, arrow);
    const std::string path = arrow == std::string::npos ? line : line.substr(arrow + 4);
    if (arrow != std::string::npos && path == "not found")
      missing.push_back(name);
    else if (path.starts_with('/'))  // without an arrow: the loader itself, or a library named by path
      libraries.push_back({name, path});
  }
  return libraries;
}

std::vector<Library> host_libraries(const Tree& tree) {
  std::set<Library> libraries;
  std::set<fs::path> ours;
  for (const auto& [path, node] : tree)
    if (!node.source.empty())
      ours.insert(fs::weakly_canonical(node.source));
  const std::string folders = tree_library_folders(tree);
  for (const auto& [path, node] : tree) {
    if (node.type != NodeType::File || node.source.empty() || !is_shared_elf(node.source))
      continue;
    const auto result =
        support::run({.argv = {kLoader, "--list", node.source.string()},
                      // What is put before everything on this machine is no part of the service.
                      .environment = {{"LD_LIBRARY_PATH", folders}, {"LD_PRELOAD", ""}, {"LD_AUDIT", ""}}});
    std::vector<std::string> missing;
    const auto needed = parse_loader_list(result.out, missing);
    // The loader stops at the first library it does not find, and then names it in its message.
    if (missing.empty() && !result.ok())
      missing.push_back(result.err.substr(0, result.err.find('\n')));
    if (!missing.empty() && is_other_libc(missing[0])) {
      if (is_variant(path))
        continue;
      throw support::invalid(
          fmt::format("failed to use '{}': it is built for another C library, musl; the image has glibc",
                      path),
          "build or install it on Debian or another system with glibc, or link it statically");
    }
    if (!missing.empty())
      throw support::invalid(
          fmt::format("failed to find a shared library that '{}' needs: {}", path, missing[0]),
          "install it on this machine, or add an install() rule for it");
    for (const auto& library : needed)
      if (!ours.contains(fs::weakly_canonical(library.path)))
        libraries.insert(library);
  }
  return {libraries.begin(), libraries.end()};
}

std::map<fs::path, std::string> owning_packages(const std::vector<Library>& libraries) {
  // dpkg knows a file by the path in its package; with a merged /usr that may lack the /usr of the real path.
  std::map<std::string, fs::path> candidates;
  for (const auto& library : libraries)
    for (const fs::path& path : {library.path, fs::canonical(library.path)})
      for (const std::string& spelling :
           {path.string(),
            path.string().starts_with("/usr/") ? path.string().substr(4) : "/usr" + path.string()})
        candidates[spelling] = library.path;
  std::map<fs::path, std::string> owners;
  if (candidates.empty() || support::find_program("dpkg-query").empty())
    return owners;
  std::vector<std::string> argv{"dpkg-query", "--search"};
  for (const auto& candidate : candidates)
    argv.push_back(candidate.first);
  std::istringstream lines(support::run({.argv = argv}).out);  // exit status 1: some spellings are unknown
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.rfind(": ");
    if (colon == std::string::npos || line.starts_with("diversion "))
      continue;
    const auto found = candidates.find(line.substr(colon + 2));
    const std::string package = line.substr(0, line.find_first_of(":,"));
    if (found != candidates.end())
      owners[found->second] = package;
  }
  return owners;
}

void add_libraries(Tree& tree, const std::vector<Library>& libraries) {
  for (const auto& library : libraries) {
    const fs::path source = fs::canonical(library.path);
    std::string place = library.path.lexically_normal().string();
    if (place.starts_with("/lib"))
      place = "/usr" + place;  // the image's /lib is a link to /usr/lib
    tree[place] = {.type = NodeType::File, .mode = 0755, .owner = {}, .source = source, .content = {}};
    // Found by a run path in the program, or by this host's ld.so.conf, which the image does not have.
    if (!kDefaultFolders.contains(fs::path(place).parent_path().string()) &&
        library.name.find('/') == std::string::npos)
      tree[std::string(kLibraryFolder) + "/" + library.name] = {
          .type = NodeType::Symlink, .mode = 0777, .owner = {}, .source = {}, .content = place};
  }
}

}  // namespace vmimage::rootfs
