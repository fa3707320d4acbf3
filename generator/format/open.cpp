#include "format/open.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "format/unpack.hpp"
#include "support/error.hpp"

namespace vmimage::format {

using filesystem::BlockDevice;
using filesystem::DeviceAccess;
using support::invalid;
namespace fs = std::filesystem;

namespace {

/// Bytes that formats are known by (see file(1)): of the whole file, or of its last sector.
struct Magic {
  std::size_t offset;
  std::string_view bytes;
  const char* format;
  const char* driver;
};
constexpr std::string_view kGzip{"\x1f\x8b\x08", 3};
constexpr std::string_view kTar{"ustar"};
constexpr std::size_t kTarOffset = 257;
constexpr std::array<Magic, 7> kMagics{{{0, {"QFI\xfb", 4}, "qcow2", "qcow2"},
                                        {0, "KDMV", "vmdk", "vmdk"},
                                        {0, "COWD", "vmdk", "vmdk"},
                                        {0, "# Disk DescriptorFile", "vmdk", "vmdk"},
                                        {64, {"\x7f\x10\xda\xbe", 4}, "vdi", "vdi"},
                                        {0, "vhdxfile", "vhdx", "vhdx"},
                                        {0, "conectix", "vhd", "vpc"}}};
constexpr std::size_t kHead = 512;

struct Ends {
  std::string head;  ///< first sector; shorter when the file is
  std::string tail;  ///< last sector
};

Ends read_ends(const fs::path& image) {
  filesystem::RawFile file(image, DeviceAccess::Read);
  const std::uint64_t size = file.size();
  Ends ends{std::string(std::min<std::uint64_t>(size, kHead), '\0'),
            std::string(std::min<std::uint64_t>(size, kHead), '\0')};
  file.read(0, ends.head.data(), ends.head.size());
  file.read(size - ends.tail.size(), ends.tail.data(), ends.tail.size());
  return ends;
}

bool has(const std::string& text, std::size_t offset, std::string_view bytes) {
  return text.size() >= offset + bytes.size() && std::string_view(text).substr(offset, bytes.size()) == bytes;
}

void require_file(const fs::path& image) {
  if (!fs::exists(image))
    throw invalid(fmt::format("failed to open '{}': no such file", image.string()), "give a disk image");
  if (fs::is_directory(image))
    throw invalid(fmt::format("failed to open '{}': it is a folder", image.string()), "give a disk image");
  if (fs::is_regular_file(image) && fs::file_size(image) == 0)
    throw invalid(fmt::format("failed to open '{}': it is empty", image.string()), "build or fetch it again");
}

/// A device on a file that was unpacked, which is removed when it is closed.
template <typename Device>
class Unpacked : public Device {
 public:
  template <typename... Arguments>
  explicit Unpacked(std::shared_ptr<support::TempDir> folder, Arguments&&... arguments)
      : Device(std::forward<Arguments>(arguments)...), folder_(std::move(folder)) {}

 private:
  std::shared_ptr<support::TempDir> folder_;
};

/// What the first and last sector tell; nothing for what only QEMU may know.
void recognize(const Ends& ends, Source& source) {
  for (const auto& magic : kMagics)
    if (has(ends.head, magic.offset, magic.bytes)) {
      source.format = magic.format;
      source.driver = magic.driver;
      return;
    }
  if (has(ends.tail, 0, "conectix")) {  // a fixed VHD: the footer is all it has
    source.format = "vhd";
    source.driver = "vpc";
  } else if (has(ends.head, 510, "\x55\xaa")) {  // a boot sector, protective or real
    source.format = "raw";
    source.driver = "raw";
  }
}

}  // namespace

Source find_disk(const fs::path& image) {
  require_file(image);
  const Ends ends = read_ends(image);
  Source source{image, "", image, "", {}, nullptr};
  if (has(ends.head, 0, kGzip)) {
    unpack(source);
    if (source.driver.empty())  // what was compressed may be any image
      recognize(read_ends(source.file), source);
    source.format = source.format == "raw" ? "raw.gz" : source.format;
  } else if (has(ends.head, kTarOffset, kTar)) {
    find_in_tar(source);
  } else {
    recognize(ends, source);
  }
  return source;
}

std::unique_ptr<BlockDevice> open_image(const Source& source) {
  using filesystem::NbdImage;
  using filesystem::RawFile;
  if (source.driver == "raw" && source.unpacked)
    return std::make_unique<Unpacked<RawFile>>(source.unpacked, source.file, DeviceAccess::Read);
  return std::make_unique<Unpacked<NbdImage>>(source.unpacked, source.file, source.driver, DeviceAccess::Read,
                                              source.part);
}

std::unique_ptr<BlockDevice> open_image(const fs::path& image) {
  return open_image(find_disk(image));
}

}  // namespace vmimage::format
