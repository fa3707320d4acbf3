#include "stack/node.hpp"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "rootfs/closure.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::stack {

namespace fs = std::filesystem;

namespace {

/// Releases of Node.js and their NODE_MODULE_VERSION, as Node.js registers them
/// (doc/abi_version_registry.json).
const std::map<int, int> kVersions{{12, 72},  {14, 83},  {16, 93},  {18, 108}, {20, 115},
                                   {21, 120}, {22, 127}, {23, 131}, {24, 137}};

std::string release_of(int module_version) {
  for (const auto& [release, version] : kVersions)
    if (version == module_version)
      return fmt::format("Node.js {} (module version {})", release, module_version);
  return fmt::format("a Node.js with module version {}", module_version);
}

int number(std::string_view digits) {
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

/// A library of macOS (either byte order, or several in one) or of Windows.
bool is_of_other_system(const fs::path& file) {
  std::string head(4, '\0');
  std::ifstream(file, std::ios::binary).read(head.data(), 4);
  static const std::set<std::string> kMachO{"\xcf\xfa\xed\xfe", "\xfe\xed\xfa\xcf", "\xca\xfe\xba\xbe"};
  return kMachO.contains(head) || head.starts_with("MZ");
}

constexpr const char* kElsewhere = "install it on x86-64 Linux with glibc, as Debian has";

/// What is wrong with a module, and what to do.
struct Misfit {
  std::string path, reason, hint;
};

/// Nothing of a module that fits.
std::optional<Misfit> misfit(const std::string& path, const fs::path& file, int module_version) {
  switch (rootfs::program_kind(file)) {
    case rootfs::ProgramKind::ForeignElf:
      return Misfit{path, "built for another machine than x86-64", kElsewhere};
    case rootfs::ProgramKind::Elf:
      break;
    default:
      if (is_of_other_system(file))
        return Misfit{path, "built for another system than Linux", kElsewhere};
      return std::nullopt;
  }
  if (rootfs::is_variant(path))
    return Misfit{path, "built for another C library, musl", kElsewhere};
  if (module_version == 0)
    return std::nullopt;
  const int version =
      built_for(support::run({.argv = {"nm", "--dynamic", "--defined-only", file.string()}}).out);
  if (version == 0 || version == module_version)
    return std::nullopt;
  return Misfit{
      path,
      fmt::format("built for {}, and the image has {}", release_of(version), release_of(module_version)),
      "run npm with the Node.js of the image, or take a base with the Node.js of this machine; what uses "
      "Node-API runs with any"};
}

/// npm takes packages apart by what they are for: "@img/sharp-linuxmusl-x64" is there beside the one that
/// fits.
bool says_other_platform(const std::string& package) {
  static const std::regex other(
      "[-_.](linuxmusl|musl|arm|armv[67]|armhf|arm64|aarch64|ia32|darwin|macos|win32|windows|freebsd|openbsd|"
      "android|sunos|s390x|ppc64(le)?|riscv64|loong64|mips64el)([-_.]|$)");
  return std::regex_search(fs::path(package).filename().string(), other);
}

}  // namespace

int node_module_version(const std::vector<recipe::Package>& packages) {
  int by_release = 0;
  for (const auto& package : packages) {
    constexpr std::string_view kLibrary = "libnode";  // of Debian: libnode108
    if (package.name.starts_with(kLibrary))
      if (const int version = number(std::string_view(package.name).substr(kLibrary.size())); version != 0)
        return version;
    if (package.name == "nodejs") {  // Node.js's own has the library in the program
      const std::string_view text = package.version;
      const auto colon = text.find(':');
      const auto known = kVersions.find(number(text.substr(colon == text.npos ? 0 : colon + 1)));
      if (known != kVersions.end())
        by_release = known->second;
    }
  }
  return by_release;
}

int built_for(std::string_view symbols) {
  // NODE_MODULE_INIT() of node.h makes one function, whose name says the version.
  constexpr std::string_view kRegister = " node_register_module_v";
  const auto at = symbols.find(kRegister);
  return at == symbols.npos ? 0 : number(symbols.substr(at + kRegister.size()));
}

std::string npm_package_of(const std::string& path) {
  constexpr std::string_view kFolder = "/node_modules/";
  const auto folder = path.rfind(kFolder);
  if (folder == std::string::npos)
    return {};
  const auto name = folder + kFolder.size();
  auto end = path.find('/', name);
  if (end != std::string::npos && path[name] == '@')
    end = path.find('/', end + 1);
  return path.substr(0, end);
}

void check_native_modules(const rootfs::Tree& tree, const std::vector<recipe::Package>& packages) {
  std::map<std::string, Misfit> misfits;
  std::set<std::string> fitting;
  const int module_version = node_module_version(packages);
  for (const auto& [path, node] : tree) {
    if (!path.ends_with(".node") || node.type != filesystem::NodeType::File || node.source.empty())
      continue;
    const std::string package = npm_package_of(path);
    if (const auto found = misfit(path, node.source, module_version))
      misfits.try_emplace(package, *found);
    else
      fitting.insert(package);
  }
  for (const auto& [package, misfit] : misfits) {
    if (fitting.contains(package) || says_other_platform(package))
      continue;
    throw support::invalid(fmt::format("failed to use '{}': it is {}", misfit.path, misfit.reason),
                           misfit.hint);
  }
}

}  // namespace vmimage::stack
