#include "inspect/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>

#include "disk/root.hpp"
#include "filesystem/block_device.hpp"
#include "inspect/fat.hpp"
#include "support/error.hpp"

namespace vmimage::inspect {

using filesystem::Entry;
using filesystem::Ext4;
using filesystem::NodeType;
using filesystem::Status;
using support::invalid;

namespace {

constexpr int kMostLinks = 40;  // as Linux does: path_resolution(7)
constexpr std::uint64_t kLargestText = 64 << 20;

class Ext4Reader : public Reader {
 public:
  Ext4Reader(filesystem::BlockDevice& device, std::uint64_t offset)
      : files_(device, offset, Ext4::Access::Read) {}
  std::optional<Status> status(const std::string& path) const override { return files_.status(path); }
  std::vector<std::string> list(const std::string& folder) const override { return files_.list(folder); }
  void walk(const std::string& folder, const std::function<void(const Entry&)>& each) const override {
    files_.walk(folder, each);
  }
  void read(const Entry& entry, const filesystem::ContentSink& sink) const override {
    if (entry.inode)
      files_.read(entry, sink);
    else
      files_.read(entry.path, sink);
  }
  std::vector<std::pair<std::string, std::string>> xattrs(const Entry& entry) const override {
    if (!entry.inode)
      return {};
    return files_.xattrs(entry);
  }

 private:
  Ext4 files_;
};

std::deque<std::string> parts_of(const std::string& path) {
  std::deque<std::string> parts;
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    if (end > at)
      parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

}  // namespace

std::unique_ptr<Reader> open_reader(filesystem::BlockDevice& device, const disk::Volume& volume,
                                    const std::string& name) {
  if (disk::is_ext(volume))
    return std::make_unique<Ext4Reader>(device, volume.partition.offset);
  if (volume.filesystem == "vfat")
    return std::make_unique<FatReader>(device, volume.partition);
  throw invalid(fmt::format("failed to read partition {} of '{}': it holds {}", volume.number, name,
                            volume.filesystem.empty() ? "no known file system" : volume.filesystem),
                "ext4 (ext3, ext2) and FAT are read");
}

std::string resolve(const Reader& reader, const std::string& path, LastLink last) {
  std::deque<std::string> rest = parts_of(path);
  std::vector<std::string> done;
  const bool folder_wanted = !path.empty() && path.back() == '/';
  const auto joined = [&](const std::string& name) {
    std::string text;
    for (const auto& part : done)
      text += "/" + part;
    return name.empty() ? (text.empty() ? "/" : text) : text + "/" + name;
  };
  for (int links = 0; !rest.empty();) {
    const std::string name = rest.front();
    rest.pop_front();
    if (name == ".")
      continue;
    if (name == "..") {
      if (!done.empty())
        done.pop_back();
      continue;
    }
    const auto status = reader.status(joined(name));
    if (!status ||
        (!rest.empty() && status->type != NodeType::Directory && status->type != NodeType::Symlink))
      return {};
    if (status->type != NodeType::Symlink || (rest.empty() && last == LastLink::Keep && !folder_wanted)) {
      done.push_back(name);
      continue;
    }
    if (++links > kMostLinks)
      throw invalid(
          fmt::format("failed to find '{}' in the image: its symbolic links go round in a ring", path));
    std::deque<std::string> target = parts_of(status->target);
    rest.insert(rest.begin(), target.begin(), target.end());
    if (status->target.starts_with('/'))
      done.clear();
  }
  const std::string found = joined("");
  if (folder_wanted && found != "/" && reader.status(found)->type != NodeType::Directory)
    return {};
  return found;
}

Entry entry_of(const Reader& reader, const std::string& path) {
  auto status = reader.status(path);
  if (!status)
    throw invalid(fmt::format("failed to find '{}' in the image: no such file", path));
  return {path, *status, 0};
}

std::string text_of(const Reader& reader, const std::string& path) {
  const std::string found = resolve(reader, path);
  if (found.empty())
    return {};
  const Entry entry = entry_of(reader, found);
  std::string text;
  if (entry.status.type == NodeType::File && entry.status.size <= kLargestText)
    reader.read(entry, [&](std::string_view bytes) { text += bytes; });
  return text;
}

}  // namespace vmimage::inspect
