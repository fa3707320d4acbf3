#pragma once
// The kernel inside a kernel file (bzImage).

#include <optional>
#include <string>
#include <string_view>

namespace vmimage::disk {

/// Where a bzImage holds the compressed kernel (kernel docs, arch/x86/boot: payload_offset, payload_length);
/// nothing when it is none, or older than boot protocol 2.08.
std::optional<std::string_view> kernel_payload(std::string_view file);

/// Does this ELF program name an entry point for PVH boot, by which QEMU starts it without firmware's help
/// (a note of Xen's, XEN_ELFNOTE_PHYS32_ENTRY)?
bool has_pvh_entry(std::string_view elf);

/// The uncompressed kernel, when QEMU can start it; else nothing.
std::optional<std::string> plain_kernel(std::string_view file);

}  // namespace vmimage::disk
