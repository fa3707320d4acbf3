#include "rootfs/tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "rootfs/users.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmimage::rootfs {

using filesystem::NodeType;
using support::invalid;
namespace fs = std::filesystem;

namespace {

Node node_of(const fs::path& source) {
  const fs::file_status status = fs::symlink_status(source);
  Node node;
  switch (status.type()) {
    case fs::file_type::regular:
      node.mode = (status.permissions() & fs::perms::owner_exec) != fs::perms::none ? 0755 : 0644;
      node.source = source;
      return node;
    case fs::file_type::directory:
      node.type = NodeType::Directory;
      node.mode = 0755;
      return node;
    case fs::file_type::symlink:
      node.type = NodeType::Symlink;
      node.mode = 0777;
      node.content = fs::read_symlink(source).string();
      return node;
    case fs::file_type::not_found:
      throw invalid("failed to add '" + source.string() + "': no such file");
    default:
      throw invalid("failed to add '" + source.string() +
                    "': it is neither a file, a folder nor a symbolic link");
  }
}

/// `folder` itself stands for `place`; what it holds goes below.
void add_below(Tree& tree, const fs::path& folder, const std::string& place) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const fs::path path = fs::path(place) / entry.path().lexically_relative(folder);
    tree[path.string()] = node_of(entry.path());
  }
}

}  // namespace

Node text_node(std::uint32_t mode, std::string content) {
  return {.type = NodeType::File, .mode = mode, .owner = {}, .source = {}, .content = std::move(content)};
}

Node link_node(std::string target) {
  return {.type = NodeType::Symlink, .mode = 0777, .owner = {}, .source = {}, .content = std::move(target)};
}

namespace {

void add_folders(Tree& tree, const std::vector<fs::path>& folders) {
  for (const auto& folder : folders) {
    if (!fs::is_directory(folder))
      throw invalid("failed to add the tree '" + folder.string() + "': no such folder");
    add_below(tree, folder, "/");
  }
}

void add_given(Tree& tree, const recipe::Recipe& recipe) {
  add_folders(tree, recipe.overlays);
  for (const auto& file : recipe.files) {
    const bool folder = fs::is_directory(file.source);
    // As cp(1) does: a destination that ends with '/' is a folder to put the file into.
    const fs::path destination = !folder && file.destination.ends_with('/')
                                     ? fs::path(file.destination) / file.source.filename()
                                     : fs::path(file.destination).lexically_normal();
    std::string place = destination.string();
    while (place.size() > 1 && place.back() == '/')
      place.pop_back();
    if (place != "/")
      tree[place] = node_of(folder                             ? file.source
                            : fs::is_regular_file(file.source) ? fs::canonical(file.source)
                                                               : file.source);
    if (folder)
      add_below(tree, file.source, place);
  }
}

}  // namespace

Tree collect(const recipe::Recipe& recipe) {
  Tree tree;
  add_folders(tree, recipe.trees);
  add_given(tree, recipe);
  return tree;
}

Tree collect_given(const recipe::Recipe& recipe) {
  Tree tree;
  add_given(tree, recipe);
  return tree;
}

std::string find_program(const Tree& tree, const std::string& word) {
  if (word.find('/') != std::string::npos)
    return tree.contains(word) ? word : "";
  for (const char* folder : {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/bin/", "/sbin/"})
    if (tree.contains(folder + word))
      return folder + word;
  return {};
}

std::vector<recipe::FileRecord> records(const Tree& tree) {
  std::vector<recipe::FileRecord> list;
  for (const auto& [path, node] : tree) {
    if (node.type != NodeType::File) {
      list.push_back({.path = path});
      continue;
    }
    const auto [sha256, sha1] =
        node.source.empty() ? support::digests_of(node.content) : support::digests_of_file(node.source);
    list.push_back({.path = path,
                    .size = node.source.empty() ? node.content.size() : fs::file_size(node.source),
                    .sha256 = sha256,
                    .sha1 = sha1});
  }
  return list;
}

void write(const Tree& tree, filesystem::Ext4& root) {
  const std::string passwd = root.status("/etc/passwd") ? root.read("/etc/passwd") : "";
  for (const auto& [path, node] : tree) {
    filesystem::Attributes attributes{.mode = node.mode};
    if (!node.owner.empty()) {
      const User user = find_user(passwd, node.owner);
      attributes.uid = user.uid;
      attributes.gid = user.gid;
    }
    switch (node.type) {
      case NodeType::Directory:
        // A folder of the base keeps its permissions; a symbolic link to one (like /bin) stays what it is.
        if (node.owner.empty() && root.status(path + "/."))
          break;
        root.make_directory(path, attributes);
        break;
      case NodeType::Symlink:
        root.make_symlink(path, node.content, attributes);
        break;
      default:
        if (node.source.empty()) {
          root.write_file(path, attributes, node.content);
        } else {
          std::ifstream stream(node.source, std::ios::binary);
          if (!stream)
            support::throw_errno("open '" + node.source.string() + "'");
          std::string buffer(1 << 20, '\0');
          root.write_file(path, attributes, fs::file_size(node.source), [&] {
            stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
            return std::string_view(buffer.data(), static_cast<std::size_t>(stream.gcount()));
          });
        }
    }
  }
}

}  // namespace vmimage::rootfs
