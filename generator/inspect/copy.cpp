#include "inspect/copy.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::inspect {

using filesystem::Entry;
using filesystem::NodeType;
using support::failure;
using support::invalid;
namespace fs = std::filesystem;

namespace {

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

void set_time(int descriptor, const Entry& entry) {
  const timespec time{static_cast<time_t>(entry.status.attributes.mtime.value_or(0)), 0};
  const timespec both[2] = {time, time};
  ::futimens(descriptor, both);  // a time that the host cannot keep is no loss
}

void write_all(int descriptor, std::string_view bytes, const std::string& where) {
  while (!bytes.empty()) {
    const auto put = ::write(descriptor, bytes.data(), bytes.size());
    if (put < 0)
      support::throw_errno("write '" + where + "'");
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

/// Below a new folder of ours; every name is made anew, and no link is followed on the way to it.
void copy_file(const Reader& reader, const Entry& entry, const fs::path& place, int flags) {
  const int descriptor = ::open(place.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (descriptor < 0)
    support::throw_errno("write '" + place.string() + "'");
  const std::unique_ptr<const int, void (*)(const int*)> closing(&descriptor,
                                                                 [](const int* fd) { ::close(*fd); });
  reader.read(entry, [&](std::string_view bytes) { write_all(descriptor, bytes, place.string()); });
  if (::fchmod(descriptor, entry.status.attributes.mode & 0777) != 0)
    support::throw_errno("set the permissions of '" + place.string() + "'");
  set_time(descriptor, entry);
}

class FolderCopy {
 public:
  FolderCopy(const Reader& reader, std::string from, fs::path to)
      : reader_(reader), from_(std::move(from)), to_(std::move(to)) {}

  std::vector<std::string> run() {
    reader_.walk(from_, [&](const Entry& entry) { add(entry); });
    for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder)  // the deepest first
      if (::chmod(folder->first.c_str(), folder->second & 0777) != 0)
        support::throw_errno("set the permissions of '" + folder->first + "'");
    return left_out_;
  }

 private:
  void add(const Entry& entry) {
    const fs::path place = to_ / entry.path.substr(from_ == "/" ? 1 : from_.size() + 1);
    // Folders are made in this run, so a link on the way to one can only come from a name that is there
    // twice.
    if (fs::symlink_status(place.parent_path()).type() != fs::file_type::directory)
      throw failure(
          fmt::format("failed to copy '{}' out of the image: its folder is there twice", entry.path),
          "the file system is damaged; e2fsck(8) repairs it");
    switch (entry.status.type) {
      case NodeType::Directory:
        if (::mkdir(place.c_str(), 0700) != 0)
          support::throw_errno("make the folder '" + place.string() + "'");
        folders_[place.string()] = entry.status.attributes.mode;
        break;
      case NodeType::Symlink:
        if (::symlink(entry.status.target.c_str(), place.c_str()) != 0)
          support::throw_errno("make the link '" + place.string() + "'");
        break;
      case NodeType::File:
        copy_file(reader_, entry, place, O_CREAT | O_EXCL);
        break;
      default:
        left_out_.push_back(entry.path);
    }
  }

  const Reader& reader_;
  std::string from_;
  fs::path to_;
  std::map<std::string, std::uint32_t> folders_;
  std::vector<std::string> left_out_;
};

/// A folder beside the final place that becomes it when all is there.
std::vector<std::string> copy_folder(const Reader& reader, const Entry& entry, const fs::path& place) {
  if (fs::exists(fs::symlink_status(place)))
    throw invalid(fmt::format("failed to copy to '{}': it is there already", place.string()),
                  "remove it, or give another name");
  const support::TempDir work(fs::absolute(place).parent_path(), ".vmimage-");
  const fs::path made = work.path() / "copy";
  fs::create_directory(made);
  auto left_out = FolderCopy(reader, entry.path, made).run();
  fs::rename(made, place);
  if (::chmod(place.c_str(), entry.status.attributes.mode & 0777) != 0)
    support::throw_errno("set the permissions of '" + place.string() + "'");
  return left_out;
}

struct WriterRelease {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct EntryRelease {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

mode_t type_bits(NodeType type) {
  switch (type) {
    case NodeType::Directory:
      return AE_IFDIR;
    case NodeType::Symlink:
      return AE_IFLNK;
    case NodeType::CharacterDevice:
      return AE_IFCHR;
    case NodeType::BlockDevice:
      return AE_IFBLK;
    case NodeType::Fifo:
      return AE_IFIFO;
    default:
      return AE_IFREG;
  }
}

class TarOutput {
 public:
  TarOutput(const Reader& reader, int descriptor) : reader_(reader), writer_(archive_write_new()) {
    archive_write_set_format_pax_restricted(writer_.get());
    check(archive_write_open_fd(writer_.get(), descriptor));
  }

  void add(const Entry& from, const std::string& name) {
    if (from.status.type == NodeType::Socket)
      return;  // no archive holds them
    support::check_interrupt();
    const bool file = from.status.type == NodeType::File;
    const std::unique_ptr<archive_entry, EntryRelease> entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_mode(entry.get(), type_bits(from.status.type) | from.status.attributes.mode);
    archive_entry_set_uid(entry.get(), from.status.attributes.uid);
    archive_entry_set_gid(entry.get(), from.status.attributes.gid);
    archive_entry_set_mtime(entry.get(), from.status.attributes.mtime.value_or(0), 0);
    archive_entry_set_size(entry.get(), file ? static_cast<std::int64_t>(from.status.size) : 0);
    if (from.status.type == NodeType::Symlink)
      archive_entry_set_symlink(entry.get(), from.status.target.c_str());
    for (const auto& [attribute, value] : reader_.xattrs(from))
      archive_entry_xattr_add_entry(entry.get(), attribute.c_str(), value.data(), value.size());
    const auto first = file && from.inode ? names_.try_emplace(from.inode, name).first : names_.end();
    const bool again = first != names_.end() && first->second != name;
    if (again) {
      archive_entry_set_hardlink(entry.get(), first->second.c_str());
      archive_entry_set_size(entry.get(), 0);
    }
    check(archive_write_header(writer_.get(), entry.get()));
    if (file && !again)
      reader_.read(from, [&](std::string_view bytes) {
        if (archive_write_data(writer_.get(), bytes.data(), bytes.size()) < 0)
          check(ARCHIVE_FATAL);
      });
  }

  void close() { check(archive_write_close(writer_.get())); }

 private:
  void check(int status) {
    if (status < ARCHIVE_WARN)
      throw failure(fmt::format("failed to write the archive: {}", archive_error_string(writer_.get())));
  }

  const Reader& reader_;
  std::unique_ptr<archive, WriterRelease> writer_;
  std::map<std::uint32_t, std::string> names_;  ///< of the files that are in it, by inode
};

}  // namespace

std::vector<std::string> copy_out(const Reader& reader, const std::string& path,
                                  const fs::path& destination) {
  const Entry entry = entry_of(reader, path);
  const bool into = fs::is_directory(destination);
  if (!into && !destination.has_filename())
    throw invalid(fmt::format("failed to copy to '{}': no such folder", destination.string()));
  if (into && path == "/")
    throw invalid(fmt::format("failed to copy to '{}': it is there already", destination.string()),
                  "the root has no name of its own: give the name of a folder to make");
  const fs::path place = into ? destination / name_of(path) : destination;
  if (entry.status.type == NodeType::Directory)
    return copy_folder(reader, entry, place);
  if (entry.status.type != NodeType::File)
    throw invalid(fmt::format("failed to copy '{}' out of the image: it is neither file nor folder", path));
  support::PendingFile pending(place);
  copy_file(reader, entry, pending.path(), O_TRUNC);
  pending.commit();
  return {};
}

void tar_out(const Reader& reader, const std::string& path, int descriptor) {
  TarOutput output(reader, descriptor);
  const Entry top = entry_of(reader, path);
  const std::string name = path == "/" ? "." : name_of(path);
  output.add(top, name);
  if (top.status.type == NodeType::Directory)
    reader.walk(path, [&](const Entry& entry) {
      output.add(entry, name + entry.path.substr(path == "/" ? 0 : path.size()));
    });
  output.close();
}

}  // namespace vmimage::inspect
