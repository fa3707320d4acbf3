#include "disk/kernel.hpp"

#include <algorithm>
#include <cstdint>

#include "support/archive.hpp"
#include "support/bytes.hpp"

namespace vmimage::disk {

namespace {

/// A number of the file; 0 when it lies outside.
std::uint64_t number(std::string_view bytes, std::uint64_t at, unsigned count) {
  if (at > bytes.size() || count > bytes.size() - at)
    return 0;
  return support::little_endian(bytes.substr(at, count));
}

std::string_view part(std::string_view bytes, std::uint64_t at, std::uint64_t size) {
  return at > bytes.size() || size > bytes.size() - at ? std::string_view() : bytes.substr(at, size);
}

bool has_pvh_note(std::string_view notes) {
  constexpr std::uint64_t kPhys32Entry = 18;
  while (notes.size() >= 12) {
    const std::uint64_t name = number(notes, 0, 4), content = number(notes, 4, 4);
    if (number(notes, 8, 4) == kPhys32Entry && part(notes, 12, name) == std::string_view("Xen\0", 4))
      return true;
    const std::uint64_t next = 12 + support::align_up(name, 4) + support::align_up(content, 4);
    if (next >= notes.size())
      return false;
    notes.remove_prefix(next);
  }
  return false;
}

}  // namespace

std::optional<std::string_view> kernel_payload(std::string_view file) {
  if (part(file, 0x202, 4) != "HdrS" || number(file, 0x206, 2) < 0x208)
    return std::nullopt;
  const std::uint64_t setup = number(file, 0x1f1, 1);
  const std::uint64_t start = ((setup ? setup : 4) + 1) * 512 + number(file, 0x248, 4);
  const std::string_view payload = part(file, start, number(file, 0x24c, 4));
  return payload.empty() ? std::nullopt : std::optional(payload);
}

bool has_pvh_entry(std::string_view elf) {
  constexpr std::uint64_t kNote = 4;
  if (part(elf, 0, 5) != std::string_view("\x7f"
                                          "ELF\x02"))
    return false;
  const std::uint64_t table = number(elf, 32, 8), size = number(elf, 54, 2), count = number(elf, 56, 2);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view header = part(elf, table + i * size, 56);
    if (number(header, 0, 4) == kNote && has_pvh_note(part(elf, number(header, 8, 8), number(header, 32, 8))))
      return true;
  }
  return false;
}

std::optional<std::string> plain_kernel(std::string_view file) {
  auto payload = kernel_payload(file);
  if (!payload)
    return std::nullopt;
  // The build of the kernel adds the size, four bytes, to all but gzip, which has it at its end anyway.
  if (!payload->starts_with("\x1f\x8b"))
    payload->remove_suffix(std::min<std::size_t>(4, payload->size()));
  auto kernel = support::decompress(*payload);
  return kernel && has_pvh_entry(*kernel) ? std::move(kernel) : std::nullopt;
}

}  // namespace vmimage::disk
