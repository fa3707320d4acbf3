#include "machine/firmware.hpp"

#include <fmt/format.h>

#include <vector>

#include "support/error.hpp"

namespace vmimage::machine {

namespace fs = std::filesystem;

namespace {

UefiFiles first_there(const std::vector<UefiFiles>& known, const char* what) {
  for (const auto& files : known)
    if (fs::exists(files.code) && fs::exists(files.variables))
      return files;
  throw support::failure(fmt::format("failed to boot by UEFI: the firmware OVMF{} was not found", what),
                         "install it (Debian: the package ovmf)");
}

}  // namespace

UefiFiles find_uefi() {
  static const std::vector<UefiFiles> known{
      {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},           // Debian, Ubuntu
      {"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},                 // older Debian
      {"/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"},       // Fedora
      {"/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"}};  // Arch Linux
  return first_there(known, "");
}

void use_uefi(Machine& machine, const UefiFiles& files, const fs::path& folder) {
  machine.uefi_code = files.code;
  machine.uefi_variables = folder / "uefi-variables";
  fs::copy_file(files.variables, machine.uefi_variables, fs::copy_options::overwrite_existing);
  fs::permissions(machine.uefi_variables, fs::perms::owner_read | fs::perms::owner_write);
}

UefiFiles find_secure_uefi(const fs::path& variables) {
  // Only stores that have keys: without one, this firmware starts anything.
  static const std::vector<UefiFiles> known{
      {"/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"},  // Debian, Ubuntu
      {"/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.ms.fd"},        // older Debian
      {"/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd"}};  // Fedora
  UefiFiles files = first_there(known, " for Secure Boot");
  if (variables.empty())
    return files;
  if (!fs::is_regular_file(variables))
    throw support::invalid(
        fmt::format("failed to read the variable store '{}': no such file", variables.string()),
        fmt::format("name a copy of '{}' that has your keys", files.variables.string()));
  if (fs::file_size(variables) != fs::file_size(files.variables))
    throw support::invalid(
        fmt::format("'{}' is no variable store of the firmware '{}': it has {} bytes instead of {}",
                    variables.string(), files.code.string(), fs::file_size(variables),
                    fs::file_size(files.variables)),
        fmt::format("name a copy of '{}' that has your keys", files.variables.string()));
  files.variables = variables;
  return files;
}

}  // namespace vmimage::machine
