#include "image/program.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "rootfs/closure.hpp"
#include "support/error.hpp"

namespace vmimage::image {

using filesystem::Ext4;
using filesystem::NodeType;
using recipe::Recipe;
using rootfs::Tree;
using support::invalid;
namespace fs = std::filesystem;

namespace {

/// The node behind a path of the tree, through symbolic links inside the tree; null when it leads elsewhere.
const rootfs::Node* follow(const Tree& tree, std::string path) {
  for (int hops = 0; hops < 40; ++hops) {
    const auto found = tree.find(path);
    if (found == tree.end())
      return nullptr;
    if (found->second.type != NodeType::Symlink)
      return &found->second;
    path = (fs::path(path).parent_path() / found->second.content).lexically_normal().string();
  }
  return nullptr;
}

bool on_disk(const Ext4& root, std::string path) {
  for (int hops = 0; hops < 40; ++hops) {
    const auto status = root.status(path);
    if (!status)
      return false;
    if (status->type != NodeType::Symlink)
      return status->type == NodeType::File && (status->attributes.mode & 0111) != 0;
    path = (fs::path(path).parent_path() / status->target).lexically_normal().string();
  }
  return false;
}

/// Whether there is a file behind a path: in the tree, in the base, or there by a link of the tree, as those
/// of virtual environments are.
bool is_there(const Tree& tree, const Ext4& root, std::string path) {
  for (int hops = 0; hops < 40; ++hops) {
    const auto found = tree.find(path);
    if (found == tree.end())
      return on_disk(root, path);
    if (found->second.type != NodeType::Symlink)
      return true;
    path = (fs::path(path).parent_path() / found->second.content).lexically_normal().string();
  }
  return false;
}

/// "/usr/bin/env python3" → "/usr/bin/env" (execve(2), "Interpreter scripts").
std::string interpreter_of(const fs::path& script) {
  std::ifstream stream(script, std::ios::binary);
  std::string line, word;
  std::getline(stream, line);
  std::istringstream words(line.substr(2));
  words >> word;
  return word;
}

}  // namespace

void check_programs(const Recipe& recipe, const Tree& tree) {
  if (recipe.command.empty())
    return;
  const std::string& word = recipe.command[0];
  const std::string path = rootfs::find_program(tree, word);
  const rootfs::Node* node = path.empty() ? nullptr : follow(tree, path);
  if (!node) {
    if (recipe.packages.empty() && recipe.package_files.empty() && recipe.provision.empty() && tree.empty())
      throw invalid(
          fmt::format("failed to find the service's program '{}': nothing is put into the image", word),
          "name the folder with its files in \"trees\", or the package that brings it in "
          "\"packages\"");
    return;  // the base or a package may bring it: locate_program() looks at the disk
  }
  if (node->type != NodeType::File || (node->mode & 0111) == 0)
    throw invalid(fmt::format("failed to use '{}' as the service's program: it is not executable", path),
                  "install it with PROGRAMS or TARGETS, or set its permission (chmod +x)");
  switch (rootfs::program_kind(node->source)) {
    case rootfs::ProgramKind::Elf:
    case rootfs::ProgramKind::Script:
      return;
    case rootfs::ProgramKind::ForeignElf:
      throw invalid(fmt::format("failed to use '{}' as the service's program: it is built for another "
                                "machine, or is no program",
                                path),
                    "images are made for x86-64");
    case rootfs::ProgramKind::Other:
      throw invalid(fmt::format("failed to use '{}' as the service's program: it is neither an ELF program "
                                "nor a script that starts with #!",
                                path),
                    "give the program's path, and what it reads as an argument");
  }
}

std::string locate_program(const Recipe& recipe, const Tree& tree, const Ext4& root) {
  const std::string& word = recipe.command.at(0);
  if (const std::string path = rootfs::find_program(tree, word); !path.empty()) {
    const rootfs::Node* node = follow(tree, path);
    if (node && rootfs::program_kind(node->source) == rootfs::ProgramKind::Script) {
      const std::string interpreter = interpreter_of(node->source);
      if (!is_there(tree, root, interpreter))
        throw invalid(fmt::format("failed to find '{}', which '{}' starts with, in the base {}", interpreter,
                                  path, recipe.base),
                      "add the package that brings it, or take another base");
    }
    if (is_there(tree, root, path))
      return path;
  }
  std::vector<std::string> candidates{word};
  if (word.find('/') == std::string::npos)
    candidates = {"/usr/local/sbin/" + word, "/usr/local/bin/" + word, "/usr/sbin/" + word,
                  "/usr/bin/" + word};
  for (const auto& candidate : candidates)
    if (on_disk(root, candidate))
      return candidate;
  throw invalid(fmt::format("failed to find the service's program '{}' in the image", word),
                "install it with the project's install() rules, or add the package that brings it");
}

}  // namespace vmimage::image
