#pragma once
// What is in an image, as far as two images are to be compared.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filesystem/ext4.hpp"
#include "inspect/opened.hpp"
#include "recipe/manifest.hpp"

namespace vmimage::inspect {

/// One node of the root file system.
struct NodeState {
  filesystem::NodeType type = filesystem::NodeType::File;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  std::string target;  ///< of a symbolic link
  std::string sha256;  ///< of a file's content; empty: not read yet
  std::uint32_t inode = 0;
};

struct Snapshot {
  std::string path;    ///< as the user named it
  bool whole = false;  ///< false: of a manifest alone, which knows the files that were added, but no owners
  std::optional<recipe::Manifest> manifest;
  std::vector<recipe::Package> packages;
  std::map<std::string, NodeState> files;
  std::map<std::string, std::string> owners;  ///< files: the package that brought them
  std::uint64_t image_bytes = 0;              ///< what the image takes on this machine's disk
  std::uint64_t root_bytes = 0;               ///< what is used of the root file system
};

/// An image that is looked at for a comparison.
class Subject {
 public:
  /// `path`: an image, or a manifest; that of an image that is beside it means the image.
  explicit Subject(const std::filesystem::path& path);
  void look();                                       ///< reads everything but the content of files
  void read(const std::vector<std::string>& paths);  ///< fills in the SHA-256 of these files
  Snapshot& snapshot() { return snapshot_; }

 private:
  std::unique_ptr<Opened> opened_;
  Snapshot snapshot_;
};

/// dpkg's list of a package's files (<package>.list): one path a line. Pure.
void add_owned(std::map<std::string, std::string>& owners, const std::string& package,
               const std::string& list);

}  // namespace vmimage::inspect
