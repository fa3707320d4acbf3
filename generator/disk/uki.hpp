#pragma once
// Unified kernel images (UAPI Group, UKI Specification): one EFI program that holds kernel, initrd and
// command line.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace vmimage::disk {

/// A section of a PE file: where its bytes are in the file.
struct PeSection {
  std::string name;
  std::uint64_t offset = 0;       ///< in the file
  std::uint64_t size = 0;         ///< bytes of content, without padding
  std::uint64_t address = 0;      ///< relative to the image base
  std::uint64_t virtual_end = 0;  ///< first address behind it
};

/// Sections of a PE/COFF image (Microsoft PE Format, section table). Throws Error{Usage} when it is none.
std::vector<PeSection> parse_pe(std::string_view file, const std::string& name);
const PeSection& pe_section(const std::vector<PeSection>& sections, const std::string& wanted,
                            const std::string& name);

struct UkiParts {
  std::filesystem::path stub;  ///< systemd's linuxx64.efi.stub (systemd-stub(7))
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::string command_line;
  std::string os_release;
};

/// Writes the unified kernel image with objcopy(1).
void write_uki(const UkiParts& parts, const std::filesystem::path& output);

}  // namespace vmimage::disk
