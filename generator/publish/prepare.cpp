#include "publish/prepare.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include "format/check.hpp"
#include "image/formats.hpp"
#include "inspect/image.hpp"
#include "inspect/opened.hpp"
#include "support/digest.hpp"
#include "support/process.hpp"

namespace vmimage::publish {

namespace fs = std::filesystem;

namespace {

/// A qcow2 file that needs no other (docs/interop/qcow2.txt of QEMU: bytes 8 to 15 are the place of the name
/// of its backing file).
bool is_whole_qcow2(const format::Source& source) {
  if (source.format != "qcow2" || source.part.size != 0)
    return false;
  std::array<char, 16> header{};
  std::ifstream file(source.file, std::ios::binary);
  file.read(header.data(), header.size());
  return file && std::all_of(header.begin() + 8, header.end(), [](char byte) { return byte == 0; });
}

}  // namespace

std::string revision_of(const fs::path& file) {
  if (support::find_program("git").empty())
    return "";
  const fs::path folder = fs::absolute(file).parent_path();
  const auto said = support::run({.argv = {"git", "-C", folder.string(), "describe", "--always", "--dirty",
                                           "--abbrev=40", "--exclude=*"}});
  return said.ok() ? said.out.substr(0, said.out.find('\n')) : "";
}

Prepared prepare(const fs::path& given, const std::string& name, const support::Report& report) {
  const fs::path image = inspect::image_of(given);
  report("reading " + image.filename().string());
  const format::Source source = format::find_disk(image);
  inspect::Opened opened(source, format::open_checked(source));
  const auto manifest = opened.manifest();
  const format::Description about =
      manifest ? image::describe(*manifest) : image::describe_foreign(source, opened.device());

  Prepared prepared;
  Upload& upload = prepared.upload;
  upload.file = source.file;
  if (!is_whole_qcow2(source)) {
    prepared.converted = std::make_shared<support::TempDir>();
    upload.file = prepared.converted->path() / (about.name + ".qcow2");
    image::write_formats(source, about, {{&format::find("qcow2"), upload.file}}, report);
  }
  upload.size = fs::file_size(upload.file);
  upload.name = name.empty() ? about.name : name;
  upload.disk = opened.device().size();
  if (manifest) {
    upload.version = manifest->version;
    upload.digest = manifest->digest;
    upload.memory = manifest->size.memory;
    upload.lock = manifest->lock_digest;
    upload.base = manifest->base;
    upload.firmware = manifest->boot.firmware;
  } else {
    upload.digest = "sha256:" + support::sha256_file(upload.file);
    upload.memory = about.memory;
    upload.firmware = {"bios"};
  }
  return prepared;
}

std::string publish_image(Registry& registry, const fs::path& image, const support::Report& report) {
  const auto prepared = prepare(image, "", report);
  return publish(registry, prepared.upload, 0, report).image.id;
}

}  // namespace vmimage::publish
