#pragma once
// What files are called in what commands print for programs.

#include "filesystem/ext4.hpp"

namespace vmimage::command {

inline const char* type_name(filesystem::NodeType type) {
  switch (type) {
    case filesystem::NodeType::File:
      return "file";
    case filesystem::NodeType::Directory:
      return "folder";
    case filesystem::NodeType::Symlink:
      return "symlink";
    case filesystem::NodeType::CharacterDevice:
      return "character device";
    case filesystem::NodeType::BlockDevice:
      return "block device";
    case filesystem::NodeType::Fifo:
      return "fifo";
    case filesystem::NodeType::Socket:
      return "socket";
  }
  return "";
}

}  // namespace vmimage::command
