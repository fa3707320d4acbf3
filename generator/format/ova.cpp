// OVA (DMTF DSP0243 1.1, 5.3): a tar of the OVF descriptor, the digests of the other members, and the disk.
// The disk is compressed straight into the file; what comes before it has a length that is known, and is
// written last.

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <memory>

#include "format/output.hpp"
#include "format/ovf.hpp"
#include "format/vmdk.hpp"
#include "format/writers.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"

namespace vmimage::format {

namespace {

constexpr std::size_t kTarBlock = 512;
constexpr std::uint64_t kLargestMember = (1ull << 33) - 1;  // of a tar in the form of POSIX.1-1988

struct WriteRelease {
  void operator()(archive* writer) const { archive_write_free(writer); }
};

la_ssize_t append(archive*, void* output, const void* data, std::size_t size) {
  static_cast<std::string*>(output)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

/// The tar up to the disk's content.
class Front {
 public:
  explicit Front(std::int64_t time) : writer_(archive_write_new()), time_(time) {
    archive_write_set_format_ustar(writer_.get());
    archive_write_set_bytes_per_block(writer_.get(), 0);
    archive_write_open(writer_.get(), &bytes_, nullptr, append, nullptr);
  }
  void header(const std::string& name, std::uint64_t size) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                              archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_mode(entry.get(), 0100644);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
    archive_entry_set_mtime(entry.get(), time_, 0);
    if (archive_write_header(writer_.get(), entry.get()) != ARCHIVE_OK)
      throw support::failure(
          fmt::format("failed to write '{}' into the OVA: {}", name, archive_error_string(writer_.get())));
  }
  void member(const std::string& name, const std::string& content) {
    header(name, content.size());
    archive_write_data(writer_.get(), content.data(), content.size());
    archive_write_finish_entry(writer_.get());
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::unique_ptr<archive, WriteRelease> writer_;  // released before the bytes it still adds to
  std::int64_t time_;
};

/// The descriptor, always of one length: blanks at its end take the place of digits that are not needed.
std::string descriptor(OvfPackage package) {
  std::string text = write_ovf(package);
  package.disk_file_size = package.populated = ~0ull;
  text.back() = ' ';
  text.resize(write_ovf(package).size(), ' ');
  text.back() = '\n';
  return text;
}

std::string front(const OvfPackage& package, const std::string& disk_digest) {
  const std::string& name = package.about.name;
  const std::string ovf = descriptor(package);
  const std::string digests = fmt::format("SHA256({}.ovf)= {}\nSHA256({})= {}\n", name, support::sha256(ovf),
                                          package.disk_file, disk_digest);
  Front tar(package.about.time);
  tar.member(name + ".ovf", ovf);
  tar.member(name + ".mf", digests);
  tar.header(package.disk_file, package.disk_file_size);
  return tar.bytes();
}

}  // namespace

void write_ova(const Job& job) {
  OvfPackage package{job.about, job.about.name + "-disk1.vmdk", 0, job.disk.size(), 0};
  Output output(job.to);
  const std::size_t start = front(package, std::string(64, '0')).size();
  output.skip(start);
  support::Digest digest;
  package.populated = stream_vmdk(job.disk, job.about, job.meter, [&](std::string_view bytes) {
    digest.raw(bytes.data(), bytes.size());
    output.append(bytes);
  });
  package.disk_file_size = output.position() - start;
  if (package.disk_file_size > kLargestMember)
    throw support::failure(
        fmt::format("failed to write an OVA: the disk in it is compressed {} bytes long, and the "
                    "format has room for {}",
                    package.disk_file_size, kLargestMember),
        "use the format vmdk");
  output.write_at(0, front(package, digest.hex()));
  output.skip(round_up(output.position(), kTarBlock) - output.position() + 2 * kTarBlock);
  output.finish();
}

}  // namespace vmimage::format
