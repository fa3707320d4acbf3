#include "disk/uki.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "support/bytes.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::disk {

using support::invalid;
namespace fs = std::filesystem;

namespace {

std::uint64_t number(std::string_view bytes, std::size_t at, int count, const std::string& name) {
  if (at + static_cast<std::size_t>(count) > bytes.size())
    throw invalid("'" + name + "' is no EFI program: it is cut");
  return support::little_endian(bytes.substr(at, static_cast<std::size_t>(count)));
}

constexpr std::uint64_t kPage = 4096;
std::uint64_t page_up(std::uint64_t value) {
  return support::align_up(value, kPage);
}

/// objcopy puts the current time into the PE header, and a checksum over it that nobody asks for.
void clear_time(const fs::path& program) {
  std::fstream file(program, std::ios::binary | std::ios::in | std::ios::out);
  std::string head(0x40, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  const auto header = static_cast<std::streamoff>(number(head, 0x3c, 4, program.string()));
  for (const std::streamoff at : {header + 8, header + 24 + 64}) {  // TimeDateStamp, CheckSum
    file.seekp(at);
    file.write("\0\0\0\0", 4);
  }
  file.close();
  if (!file)
    support::throw_errno("write '" + program.string() + "'");
}

}  // namespace

std::vector<PeSection> parse_pe(std::string_view file, const std::string& name) {
  if (file.substr(0, 2) != "MZ")
    throw invalid("'" + name + "' is no EFI program");
  const auto header = number(file, 0x3c, 4, name);
  if (header > file.size() || file.substr(header, 4) != std::string_view("PE\0\0", 4))
    throw invalid("'" + name + "' is no EFI program");
  const auto count = number(file, header + 6, 2, name);
  const auto table = header + 24 + number(file, header + 20, 2, name);
  std::vector<PeSection> sections;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto at = table + 40 * i;
    const auto virtual_size = number(file, at + 8, 4, name);
    const auto address = number(file, at + 12, 4, name);
    const auto raw_size = number(file, at + 16, 4, name);
    const auto offset = number(file, at + 20, 4, name);
    if (offset + raw_size > file.size())
      throw invalid("'" + name + "' is no EFI program: it is cut");
    const std::string_view label = file.substr(at, 8);
    sections.push_back({std::string(label.substr(0, label.find('\0'))), offset,
                        virtual_size ? std::min(virtual_size, raw_size) : raw_size, address,
                        address + std::max(virtual_size, raw_size)});
  }
  return sections;
}

const PeSection& pe_section(const std::vector<PeSection>& sections, const std::string& wanted,
                            const std::string& name) {
  for (const auto& section : sections)
    if (section.name == wanted)
      return section;
  throw invalid(fmt::format("'{}' is no unified kernel image: it has no section '{}'", name, wanted));
}

void write_uki(const UkiParts& parts, const fs::path& output) {
  const support::TempDir work;
  const auto text = [&](const char* name, const std::string& content) {
    support::write_file_atomic(work.path() / name, content);
    return work.path() / name;
  };
  const std::vector<std::pair<std::string, fs::path>> sections{
      {".osrel", text("osrel", parts.os_release)},
      {".cmdline", text("cmdline", parts.command_line)},
      {".initrd", parts.initrd},
      {".linux", parts.kernel}};  // last: a kernel that unpacks in place may write behind its end
  std::uint64_t address = 0;
  for (const auto& section : parse_pe(support::read_file(parts.stub), parts.stub.string()))
    address = std::max(address, section.virtual_end);
  std::vector<std::string> argv{"objcopy"};
  for (const auto& [name, file] : sections) {
    address = page_up(address);
    argv.insert(argv.end(), {"--add-section", name + "=" + file.string(), "--change-section-vma",
                             fmt::format("{}={:#x}", name, address)});
    address += fs::file_size(file);
  }
  argv.insert(argv.end(), {parts.stub.string(), output.string()});
  support::run_checked({.argv = argv, .timeout = std::chrono::minutes(2)});
  clear_time(output);
}

}  // namespace vmimage::disk
