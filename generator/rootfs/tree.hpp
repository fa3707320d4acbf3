#pragma once
// The files that an image gets on top of its base, as a plain list; nothing is written here.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "filesystem/ext4.hpp"
#include "recipe/manifest.hpp"
#include "recipe/recipe.hpp"

namespace vmimage::rootfs {

struct Node {
  filesystem::NodeType type = filesystem::NodeType::File;
  std::uint32_t mode = 0644;
  std::string owner;             ///< user (and group) name in the image; empty: root
  std::filesystem::path source;  ///< a file's content on the host; empty: `content`
  std::string content;           ///< a file's content, or a symbolic link's target
};

Node text_node(std::uint32_t mode, std::string content);
Node link_node(std::string target);

/// By absolute path in the image, so that parents come before children.
using Tree = std::map<std::string, Node>;

/// What the recipe's trees, overlays and files name; of two for one path, the later of these counts. Files
/// are 0644, or 0755 when their owner may execute them; all is root's. Throws Error{Usage} for a source that
/// is not there or is neither file, folder nor symbolic link.
Tree collect(const recipe::Recipe& recipe);
/// The same without trees: what is there before scripts run.
Tree collect_given(const recipe::Recipe& recipe);

/// Path of the service's program in the tree: absolute, or found in the tree's bin folders; empty when it is
/// not in the tree (then it must come from a package).
std::string find_program(const Tree& tree, const std::string& word);

/// SHA-256 and size of every file, for digest and manifest.
std::vector<recipe::FileRecord> records(const Tree& tree);

/// Writes the nodes into a root file system; owners are looked up in its /etc/passwd.
void write(const Tree& tree, filesystem::Ext4& root);

}  // namespace vmimage::rootfs
