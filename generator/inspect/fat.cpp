#include "inspect/fat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "filesystem/block_device.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::inspect {

using filesystem::Entry;
using filesystem::NodeType;
using filesystem::Status;

namespace {

std::string run_mtool(std::vector<std::string> argv) {
  return support::run_checked({.argv = std::move(argv), .environment = {{"MTOOLS_SKIP_CHECK", "1"}}});
}

/// mtools takes patterns where it takes names.
std::string literally(const std::string& path) {
  std::string text = "::";
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\')
      text += '\\';
    text += c;
  }
  return text;
}

bool is_below(const std::string& path, const std::string& folder) {
  return folder == "/" ||
         (path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/');
}

}  // namespace

void extract(filesystem::BlockDevice& device, const disk::Partition& partition,
             const std::filesystem::path& file) {
  support::write_file_atomic(file, "");
  std::filesystem::resize_file(file, partition.size);
  filesystem::RawFile output(file, filesystem::DeviceAccess::Write);
  std::string buffer(4 << 20, '\0');
  for (std::uint64_t at = 0; at < partition.size; at += buffer.size()) {
    support::check_interrupt();
    const auto part = std::min<std::uint64_t>(buffer.size(), partition.size - at);
    device.read(partition.offset + at, buffer.data(), part);
    output.write(at, buffer.data(), part);
  }
}

FatReader::FatReader(filesystem::BlockDevice& device, const disk::Partition& partition) {
  extract(device, partition, work_.path() / "fat");
  // One line for each: "::/EFI/", "::/EFI/BOOT/BOOTX64.EFI".
  std::istringstream lines(run_mtool({"mdir", "-/", "-a", "-b", "-i", work_.path() / "fat", "::/"}));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("::/") || line.size() == 3)
      continue;
    const bool folder = line.back() == '/';
    nodes_[line.substr(2, line.size() - 2 - (folder ? 1 : 0))] =
        folder ? NodeType::Directory : NodeType::File;
  }
}

std::string FatReader::content(const std::string& path) const {
  return run_mtool({"mcopy", "-n", "-i", work_.path() / "fat", literally(path), "-"});
}

std::optional<Status> FatReader::status(const std::string& path) const {
  if (path == "/")
    return Status{NodeType::Directory, {.mode = 0755, .mtime = 0}, 0, {}};
  const auto node = nodes_.find(path);
  if (node == nodes_.end())
    return std::nullopt;
  if (node->second == NodeType::Directory)
    return Status{NodeType::Directory, {.mode = 0755, .mtime = 0}, 0, {}};
  return Status{NodeType::File, {.mode = 0644, .mtime = 0}, content(path).size(), {}};
}

std::vector<std::string> FatReader::list(const std::string& folder) const {
  std::vector<std::string> names;
  for (const auto& [path, type] : nodes_)
    if (is_below(path, folder)) {
      const std::string name = path.substr(folder == "/" ? 1 : folder.size() + 1);
      if (name.find('/') == std::string::npos)
        names.push_back(name);
    }
  return names;
}

void FatReader::walk(const std::string& folder, const std::function<void(const Entry&)>& each) const {
  for (const auto& [path, type] : nodes_)
    if (is_below(path, folder))
      each({path, *status(path), 0});
}

void FatReader::read(const Entry& entry, const filesystem::ContentSink& sink) const {
  sink(content(entry.path));
}

}  // namespace vmimage::inspect
