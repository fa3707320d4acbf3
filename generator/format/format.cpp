#include "format/format.hpp"

#include <fmt/format.h>

#include "format/writers.hpp"
#include "support/error.hpp"
#include "support/json.hpp"

namespace vmimage::format {

const std::vector<Format>& all() {
  static const std::vector<Format> formats{
      {"qcow2", ".qcow2", "QEMU, OpenStack", write_qcow2},
      {"qcow2-zstd", ".zstd.qcow2", "the same, compressed for transport", write_qcow2_zstd},
      {"raw", ".raw", "everything; sparse", write_raw},
      {"vmdk", ".vmdk", "VMware; streamOptimized", write_vmdk},
      {"ova", ".ova", "VMware, VirtualBox: the disk and its machine", write_ova},
      {"vdi", ".vdi", "VirtualBox", write_vdi},
      {"vhd", ".vhd", "Azure; fixed size", write_vhd},
      {"vhdx", ".vhdx", "Hyper-V", write_vhdx},
      {"gce", ".gce.tar.gz", "Google Compute Engine", write_gce},
      {"raw.gz", ".raw.gz", "DigitalOcean", write_raw_gz}};
  return formats;
}

std::string names() {
  std::string text;
  for (const auto& format : all())
    text += (text.empty() ? "" : ", ") + format.name;
  return text;
}

const Format& find(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& format : all()) {
    if (format.name == name)
      return format;
    known.push_back(format.name);
  }
  throw support::invalid(fmt::format("unknown format '{}'", name),
                         support::did_you_mean(name, known, "known are " + names()));
}

void convert(const Source& source, const Format& format, const Description& about,
             const std::filesystem::path& to, const Meter& meter) {
  const auto disk = open_image(source);
  const Meter quiet = [](std::uint64_t, std::uint64_t) {};
  format.write({source, *disk, about, to, meter ? meter : quiet});
}

}  // namespace vmimage::format
