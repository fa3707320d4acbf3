// VirtualBox's disk image: qemu-img writes it, with random identifiers.

#include "format/output.hpp"
#include "format/writers.hpp"

namespace vmimage::format {

void write_vdi(const Job& job) {
  write_by_qemu(job, "vdi", {});
  // VDIHEADER1PLUS of VirtualBox's VDICore.h: uuidCreate and uuidModify.
  filesystem::RawFile file(job.to, filesystem::DeviceAccess::Write);
  file.write(0x188, guid_bytes(job.about.seed, "vdi").data(), 16);
  file.write(0x198, guid_bytes(job.about.seed, "vdi change").data(), 16);
}

}  // namespace vmimage::format
