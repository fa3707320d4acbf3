#include "format/unpack.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>

#include "format/ovf.hpp"
#include "support/error.hpp"
#include "support/process.hpp"
#include "support/text.hpp"

namespace vmimage::format {

using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kBlock = 1 << 16;
constexpr std::uint64_t kLargestText = 4 << 20;  // of a descriptor or a list of digests

struct ReadRelease {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

/// Reads an archive in one go; errors name the file.
class Reader {
 public:
  explicit Reader(const fs::path& file) : file_(file), archive_(archive_read_new()) {
    archive_read_support_format_tar(archive_.get());
    archive_read_support_format_raw(archive_.get());  // a compressed file that is no archive
    archive_read_support_filter_gzip(archive_.get());
    check(archive_read_open_filename(archive_.get(), file.c_str(), 1 << 18));
  }
  /// The next member, or null at the end.
  archive_entry* next() {
    support::check_interrupt();
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_.get(), &entry);
    if (status == ARCHIVE_EOF)
      return nullptr;
    check(status);
    return entry;
  }
  bool is_archive() const { return archive_format(archive_.get()) != ARCHIVE_FORMAT_RAW; }
  /// How much of the file was read; behind a header, where the member's content begins.
  std::uint64_t position() const {
    return static_cast<std::uint64_t>(archive_filter_bytes(archive_.get(), -1));
  }
  /// The content in runs, from the beginning to the end; what lies between them is zeroes.
  void content(const std::function<void(std::uint64_t offset, std::string_view bytes)>& each) {
    const void* bytes = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    int status = 0;
    while ((status = archive_read_data_block(archive_.get(), &bytes, &size, &offset)) == ARCHIVE_OK) {
      support::check_interrupt();
      each(static_cast<std::uint64_t>(offset), {static_cast<const char*>(bytes), size});
    }
    if (status != ARCHIVE_EOF)
      check(status);
  }
  std::string text(archive_entry* entry) {
    if (static_cast<std::uint64_t>(archive_entry_size(entry)) > kLargestText)
      throw invalid(fmt::format("failed to read '{}': '{}' in it is too large", file_.string(),
                                archive_entry_pathname(entry)));
    std::string bytes;
    content([&](std::uint64_t, std::string_view part) { bytes += part; });
    return bytes;
  }

 private:
  void check(int status) const {
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN)
      return;
    const char* cause = archive_error_string(archive_.get());
    throw invalid(fmt::format("failed to read '{}': {}", file_.string(), cause ? cause : "it is damaged"),
                  "it may be incomplete; fetch or make it again");
  }
  fs::path file_;
  std::unique_ptr<archive, ReadRelease> archive_;
};

std::string name_of(archive_entry* entry) {
  const char* path = archive_entry_pathname(entry);
  const std::string_view text(path ? path : "");
  return std::string(text.starts_with("./") ? text.substr(2) : text);
}

bool is_zero(std::string_view bytes) {
  return bytes.empty() || (bytes[0] == '\0' && bytes.substr(1) == bytes.substr(0, bytes.size() - 1));
}

/// Writes a member's content to a file, with holes where it is zero.
void write_sparse(Reader& reader, std::uint64_t size, const fs::path& to) {
  support::write_file_atomic(to, "");
  std::uint64_t end = size;
  {
    filesystem::RawFile file(to, filesystem::DeviceAccess::Write);
    reader.content([&](std::uint64_t offset, std::string_view bytes) {
      end = std::max<std::uint64_t>(end, offset + bytes.size());
      for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
        const std::string_view part = bytes.substr(at, kBlock);
        if (!is_zero(part))
          file.write(offset + at, part.data(), part.size());
      }
    });
  }
  fs::resize_file(to, end);
}

struct Member {
  filesystem::Extent place;
  bool sparse = false;
};

/// A member whose end is missing, as of a broken download, cannot be read in place.
void require_whole(const Source& source) {
  const std::uint64_t size = fs::file_size(source.image);
  if (source.part.offset > size || source.part.size > size - source.part.offset)
    throw invalid(fmt::format("'{}' ends before the disk in it does", source.image.string()),
                  "it may be incomplete; fetch or make it again");
}

/// What a tar has, and the descriptor in it when it is an OVA.
struct Contents {
  std::map<std::string, Member> members;
  std::optional<std::string> descriptor;
};

Contents list(const fs::path& file) {
  Contents contents;
  Reader reader(file);
  while (archive_entry* entry = reader.next()) {
    const std::string name = name_of(entry);
    contents.members[name] = {{reader.position(), static_cast<std::uint64_t>(archive_entry_size(entry))},
                              archive_entry_sparse_count(entry) > 0};
    if (!contents.descriptor && name.ends_with(".ovf"))
      contents.descriptor = reader.text(entry);
  }
  return contents;
}

void unpack_raw_member(Source& source) {
  Reader reader(source.image);
  while (archive_entry* entry = reader.next())
    if (name_of(entry) == "disk.raw") {
      write_sparse(reader, static_cast<std::uint64_t>(archive_entry_size(entry)), source.file);
      source.format = "gce";
      source.driver = "raw";
      return;
    }
  throw invalid(fmt::format("'{}' is a tar archive with no disk in it", source.image.string()),
                "an image in a tar is an OVA, or has the disk as 'disk.raw'");
}

/// The one disk of an OVA.
std::string disk_of(const std::vector<OvfDisk>& disks, const std::string& ova) {
  std::vector<const OvfDisk*> filled;
  for (const auto& disk : disks)
    if (!disk.file.empty())
      filled.push_back(&disk);
  if (filled.size() != 1)
    throw invalid(fmt::format("'{}' has {} disks with content", ova, filled.size()),
                  "only machines with one disk are read; take the disk out with tar");
  const OvfDisk& disk = *filled[0];
  if (disk.chunked || !(disk.compression.empty() || disk.compression == "identity"))
    throw invalid(fmt::format("'{}' has its disk '{}' {}", ova, disk.file,
                              disk.chunked ? "in chunks" : "compressed by " + disk.compression),
                  "take it out with tar, and put it together");
  return disk.file;
}

}  // namespace

void unpack(Source& source) {
  source.unpacked = std::make_shared<support::TempDir>();
  source.file = source.unpacked->path() / "disk";
  Reader reader(source.image);
  archive_entry* first = reader.next();
  if (first && !reader.is_archive())
    write_sparse(reader, 0, source.file);
  else
    unpack_raw_member(source);
}

void find_in_tar(Source& source) {
  const std::string name = source.image.string();
  const Contents contents = list(source.image);
  if (!contents.descriptor) {
    const auto raw = contents.members.find("disk.raw");
    if (raw == contents.members.end() || raw->second.sparse) {
      source.unpacked = std::make_shared<support::TempDir>();
      source.file = source.unpacked->path() / "disk";
      unpack_raw_member(source);
      return;
    }
    source.format = "gce";
    source.driver = "raw";
    source.part = raw->second.place;
    require_whole(source);
    return;
  }
  const std::string disk = disk_of(read_ovf_disks(*contents.descriptor, name), name);
  const auto member = contents.members.find(disk);
  if (member == contents.members.end())
    throw invalid(fmt::format("'{}' names the disk '{}', which is not in it", name, disk),
                  "it may be incomplete; fetch or make it again");
  source.part = member->second.place;
  require_whole(source);
  std::string head(std::min<std::uint64_t>(source.part.size, 4), '\0');
  filesystem::RawFile(source.image, filesystem::DeviceAccess::Read)
      .read(source.part.offset, head.data(), head.size());
  // Only a disk that is whole in itself: a text descriptor would name other files of this machine.
  if (head != "KDMV" || member->second.sparse)
    throw invalid(fmt::format("'{}' has its disk '{}' in a format that is not read", name, disk),
                  "an OVA's disk is a streamOptimized VMDK");
  source.format = "ova";
  source.driver = "vmdk";
}

namespace {

struct MdRelease {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::string hash(Reader& reader, const EVP_MD* algorithm) {
  const std::unique_ptr<EVP_MD_CTX, MdRelease> context(EVP_MD_CTX_new());
  EVP_DigestInit_ex(context.get(), algorithm, nullptr);
  reader.content([&](std::uint64_t, std::string_view bytes) {
    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size());
  });
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), bytes.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i)
    text += fmt::format("{:02x}", bytes[i]);
  return text;
}

/// "SHA256(disk.vmdk)= 0123…" (DSP0243, 5.1): by name, the algorithm and the digest in lower case.
std::map<std::string, std::pair<std::string, std::string>> parse_digests(const std::string& text) {
  static const std::regex line(
      "(SHA1|SHA256|SHA384|SHA512) ?\\(([^\n)]{1,256})\\) ?= ?([0-9A-Fa-f]{40,128})");
  std::map<std::string, std::pair<std::string, std::string>> digests;
  for (std::sregex_iterator match(text.begin(), text.end(), line), end; match != end; ++match) {
    digests[(*match)[2]] = {(*match)[1], support::lower((*match)[3])};
  }
  return digests;
}

}  // namespace

void check_digests(const fs::path& ova) {
  std::map<std::string, std::pair<std::string, std::string>> digests;
  {
    Reader reader(ova);
    while (archive_entry* entry = reader.next())
      if (name_of(entry).ends_with(".mf"))
        digests = parse_digests(reader.text(entry));
  }
  Reader reader(ova);
  while (archive_entry* entry = reader.next()) {
    const auto expected = digests.find(name_of(entry));
    if (expected == digests.end())
      continue;
    const auto& [algorithm, digest] = expected->second;
    if (hash(reader, EVP_get_digestbyname(algorithm.c_str())) != digest)
      throw invalid(
          fmt::format("'{}' is damaged: '{}' in it does not have the {} digest that its manifest says",
                      ova.string(), expected->first, algorithm),
          "fetch or make it again");
  }
}

}  // namespace vmimage::format
