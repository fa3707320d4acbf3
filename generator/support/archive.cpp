#include "support/archive.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::support {

namespace fs = std::filesystem;

namespace {

struct WriteRelease {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct ReadRelease {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
struct EntryRelease {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

std::string absolute(const char* path) {
  std::string text = fs::path(std::string("/") + (path ? path : "")).lexically_normal().string();
  while (text.size() > 1 && text.back() == '/')
    text.pop_back();
  return text;
}

/// libarchive's reason; it has none for some damage.
std::string cause_of(archive* which) {
  const char* cause = archive_error_string(which);
  return cause ? cause : "it is damaged";
}

ssize_t append(archive*, void* output, const void* data, std::size_t size) {
  static_cast<std::string*>(output)->append(static_cast<const char*>(data), size);
  return static_cast<ssize_t>(size);
}

}  // namespace

std::string write_cpio(const std::vector<Member>& members) {
  std::string output;
  const std::unique_ptr<archive, WriteRelease> writer(archive_write_new());
  archive_write_set_format_cpio_newc(writer.get());
  archive_write_set_bytes_per_block(writer.get(), 0);
  archive_write_open(writer.get(), &output, nullptr, append, nullptr);
  std::int64_t inode = 1;
  for (const auto& member : members) {
    const std::unique_ptr<archive_entry, EntryRelease> entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), member.path.c_str());
    archive_entry_set_mode(entry.get(), member.mode);
    archive_entry_set_ino64(entry.get(), inode++);
    archive_entry_set_nlink(entry.get(), 1);
    archive_entry_set_mtime(entry.get(), 0, 0);
    archive_entry_set_rdevmajor(entry.get(), member.major);
    archive_entry_set_rdevminor(entry.get(), member.minor);
    const bool link = (member.mode & 0170000) == 0120000;
    const bool file = (member.mode & 0170000) == 0100000;
    if (link)
      archive_entry_set_symlink(entry.get(), member.content.c_str());
    archive_entry_set_size(entry.get(), file ? static_cast<la_int64_t>(member.content.size()) : 0);
    if (archive_write_header(writer.get(), entry.get()) != ARCHIVE_OK ||
        (file && archive_write_data(writer.get(), member.content.data(), member.content.size()) < 0))
      throw failure(std::string("failed to write a cpio archive: ") + cause_of(writer.get()));
  }
  archive_write_close(writer.get());
  return output;
}

std::string ArchiveEntry::path() const {
  return absolute(archive_entry_pathname(entry_));
}
std::uint32_t ArchiveEntry::mode() const {
  return archive_entry_mode(entry_);
}
std::uint32_t ArchiveEntry::uid() const {
  return static_cast<std::uint32_t>(archive_entry_uid(entry_));
}
std::uint32_t ArchiveEntry::gid() const {
  return static_cast<std::uint32_t>(archive_entry_gid(entry_));
}
std::int64_t ArchiveEntry::mtime() const {
  return archive_entry_mtime(entry_);
}
std::uint64_t ArchiveEntry::size() const {
  return static_cast<std::uint64_t>(archive_entry_size(entry_));
}
unsigned ArchiveEntry::device_major() const {
  return static_cast<unsigned>(archive_entry_rdevmajor(entry_));
}
unsigned ArchiveEntry::device_minor() const {
  return static_cast<unsigned>(archive_entry_rdevminor(entry_));
}

std::string ArchiveEntry::symlink() const {
  const char* target = archive_entry_symlink(entry_);
  return target ? target : "";
}

std::string ArchiveEntry::hardlink() const {
  const char* target = archive_entry_hardlink(entry_);
  return target ? absolute(target) : "";
}

std::vector<std::pair<std::string, std::string>> ArchiveEntry::xattrs() const {
  std::vector<std::pair<std::string, std::string>> list;
  archive_entry_xattr_reset(entry_);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(entry_, &name, &value, &size) == ARCHIVE_OK)
    list.emplace_back(name, std::string(static_cast<const char*>(value), size));
  return list;
}

std::string_view ArchiveEntry::next_block() {
  buffer_.resize(1 << 18);
  const auto got = archive_read_data(reader_, buffer_.data(), buffer_.size());
  if (got < 0)
    throw failure(std::string("failed to read an archive: ") + cause_of(reader_));
  return {buffer_.data(), static_cast<std::size_t>(got)};
}

std::string ArchiveEntry::content() {
  std::string text;
  for (auto block = next_block(); !block.empty(); block = next_block())
    text += block;
  return text;
}

std::vector<std::string> first_members(const fs::path& file, std::size_t count) {
  const std::unique_ptr<archive, ReadRelease> reader(archive_read_new());
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_all(reader.get());
  std::vector<std::string> members;
  if (archive_read_open_filename(reader.get(), file.c_str(), 1 << 18) != ARCHIVE_OK)
    return members;
  archive_entry* entry = nullptr;
  while (members.size() < count) {
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
      break;
    members.push_back(ArchiveEntry(reader.get(), entry).path());
  }
  return members;
}

std::optional<std::string> decompress(std::string_view bytes) {
  constexpr std::size_t kMost = 1 << 30;
  const std::unique_ptr<archive, ReadRelease> reader(archive_read_new());
  archive_read_support_format_raw(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_lz4(reader.get());
  archive_read_support_filter_lzma(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK ||
      archive_filter_code(reader.get(), 0) == ARCHIVE_FILTER_NONE)
    return std::nullopt;
  std::string content, block(1 << 18, '\0');
  la_ssize_t got = 0;
  while ((got = archive_read_data(reader.get(), block.data(), block.size())) > 0 && content.size() < kMost)
    content.append(block, 0, static_cast<std::size_t>(got));
  return got == 0 ? std::optional(std::move(content)) : std::nullopt;
}

namespace {

/// Goes through an archive of the format that `reader` has been told.
void read_archive(archive* reader, const fs::path& file, const std::function<void(ArchiveEntry&)>& each) {
  const auto fail = [&] { throw failure("failed to read '" + file.string() + "': " + cause_of(reader)); };
  if (archive_read_open_filename(reader, file.c_str(), 1 << 18) != ARCHIVE_OK)
    fail();
  archive_entry* entry = nullptr;
  int status = 0;
  while ((status = archive_read_next_header(reader, &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN) {
    check_interrupt();
    ArchiveEntry current(reader, entry);
    each(current);
  }
  if (status != ARCHIVE_EOF)
    fail();
}

}  // namespace

void read_tar(const fs::path& file, const std::function<void(ArchiveEntry&)>& each) {
  const std::unique_ptr<archive, ReadRelease> reader(archive_read_new());
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_all(reader.get());
  read_archive(reader.get(), file, each);
}

void read_zip(const fs::path& file, const std::function<void(ArchiveEntry&)>& each) {
  const std::unique_ptr<archive, ReadRelease> reader(archive_read_new());
  archive_read_support_format_zip_seekable(reader.get());
  read_archive(reader.get(), file, each);
}

}  // namespace vmimage::support
