#include "machine/firmware.hpp"

#include <vector>

#include "support/error.hpp"

namespace vmimage::machine {

namespace fs = std::filesystem;

UefiFiles find_uefi() {
  static const std::vector<UefiFiles> known{
      {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},           // Debian, Ubuntu
      {"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},                 // older Debian
      {"/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"},       // Fedora
      {"/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"}};  // Arch Linux
  for (const auto& files : known)
    if (fs::exists(files.code) && fs::exists(files.variables))
      return files;
  throw support::failure("failed to boot by UEFI: the firmware OVMF was not found",
                         "install it (Debian: the package ovmf)");
}

}  // namespace vmimage::machine
