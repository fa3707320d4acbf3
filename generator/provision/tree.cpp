#include "provision/tree.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "support/error.hpp"

namespace vmimage::provision {

using support::failure;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kBlock = 1 << 18;

struct ReadFree {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
struct WriteFree {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct EntryFree {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

void check(archive* handle, int status, const std::string& what) {
  if (status == ARCHIVE_OK || status == ARCHIVE_WARN)
    return;
  const char* cause = archive_error_string(handle);
  const bool full = archive_errno(handle) == ENOSPC;
  throw failure(fmt::format("failed to {}: {}", what, cause ? cause : "unknown reason"),
                full ? "the root file system is unpacked in memory: this machine has too little" : "");
}

void add_stamps(Stamps& stamps, const fs::path& folder, const std::string& place) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) != 0)
      support::throw_errno("read '" + entry.path().string() + "'");
    const std::string path = place + "/" + entry.path().filename().string();
    stamps[path] = {status.st_ino, status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec,
                    status.st_mode & S_IFMT};
    if (S_ISDIR(status.st_mode))
      add_stamps(stamps, entry.path(), path);
  }
}

void copy_data(archive* from, archive* to, const std::string& what) {
  const void* block = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  for (;;) {
    const int status = archive_read_data_block(from, &block, &size, &offset);
    if (status == ARCHIVE_EOF)
      return;
    check(from, status, what);
    const auto written = archive_write_data_block(to, block, size, offset);
    check(to, written < 0 ? static_cast<int>(written) : ARCHIVE_OK, what);
  }
}

/// A path of an archive, from the root: no "..", no leading "./".
std::string inside(const char* path) {
  return (fs::path("/") / fs::path(path ? path : "").relative_path()).lexically_normal().string();
}

void write_content(archive* writer, const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0)
    support::throw_errno("read '" + path + "'");
  std::vector<char> buffer(kBlock);
  ssize_t got = 0;
  while ((got = ::read(file, buffer.data(), buffer.size())) > 0)
    if (archive_write_data(writer, buffer.data(), static_cast<std::size_t>(got)) < 0)
      check(writer, ARCHIVE_FATAL, "write what changed in the root file system");
  ::close(file);
}

}  // namespace

Stamps stamps_of(const fs::path& root) {
  Stamps stamps;
  add_stamps(stamps, root, "");
  return stamps;
}

void unpack(int input, const std::string& name) {
  const std::string what = "unpack '" + name + "'";
  const std::unique_ptr<archive, ReadFree> reader(archive_read_new());
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_all(reader.get());
  check(reader.get(), archive_read_open_fd(reader.get(), input, kBlock), what);
  const std::unique_ptr<archive, WriteFree> writer(archive_write_disk_new());
  archive_write_disk_set_options(writer.get(), ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM |
                                                   ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR |
                                                   ARCHIVE_EXTRACT_UNLINK);
  archive_entry* entry = nullptr;
  int status = 0;
  while ((status = archive_read_next_header(reader.get(), &entry)) != ARCHIVE_EOF) {
    check(reader.get(), status, what);
    const auto type = archive_entry_filetype(entry);
    if (type == AE_IFCHR || type == AE_IFBLK || type == AE_IFSOCK)
      continue;
    archive_entry_set_pathname(entry, inside(archive_entry_pathname(entry)).c_str());
    if (const char* target = archive_entry_hardlink(entry))
      archive_entry_set_hardlink(entry, inside(target).c_str());
    archive_entry_set_uname(entry, nullptr);  // owners by number
    archive_entry_set_gname(entry, nullptr);
    check(writer.get(), archive_write_header(writer.get(), entry), what);
    if (archive_entry_size(entry) > 0)
      copy_data(reader.get(), writer.get(), what);
    check(writer.get(), archive_write_finish_entry(writer.get()), what);
  }
  check(writer.get(), archive_write_close(writer.get()), what);
}

void pack(const std::vector<std::string>& paths, std::int64_t time, int output) {
  const std::string what = "write what changed in the root file system";
  const std::unique_ptr<archive, WriteFree> writer(archive_write_new());
  archive_write_set_format_pax_restricted(writer.get());
  check(writer.get(), archive_write_open_fd(writer.get(), output), what);
  const std::unique_ptr<archive, ReadFree> disk(archive_read_disk_new());
  archive_read_disk_set_symlink_physical(disk.get());
  std::map<std::uint64_t, std::string> links;
  for (const auto& path : paths) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0)
      support::throw_errno("read '" + path + "'");
    if (S_ISSOCK(status.st_mode) || S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
      continue;
    const std::unique_ptr<archive_entry, EntryFree> entry(archive_entry_new());
    archive_entry_copy_sourcepath(entry.get(), path.c_str());
    check(disk.get(), archive_read_disk_entry_from_file(disk.get(), entry.get(), -1, &status), what);
    archive_entry_copy_pathname(entry.get(), ("." + path).c_str());
    archive_entry_set_mtime(entry.get(), time, 0);
    archive_entry_unset_atime(entry.get());
    archive_entry_unset_ctime(entry.get());
    archive_entry_unset_birthtime(entry.get());
    archive_entry_sparse_clear(entry.get());
    const bool file = S_ISREG(status.st_mode);
    const bool again = file && status.st_nlink > 1 && !links.try_emplace(status.st_ino, path).second;
    if (again) {
      archive_entry_copy_hardlink(entry.get(), ("." + links.at(status.st_ino)).c_str());
      archive_entry_unset_size(entry.get());
    }
    check(writer.get(), archive_write_header(writer.get(), entry.get()), what);
    if (file && !again)
      write_content(writer.get(), path);
  }
  check(writer.get(), archive_write_close(writer.get()), what);
}

}  // namespace vmimage::provision
