// Kernel files: what is in them, and whether QEMU can start it.

#include <gtest/gtest.h>

#include "disk/kernel.hpp"
#include "support/archive.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::disk {
namespace {

void put(std::string& bytes, std::size_t at, std::uint64_t value, int count) {
  for (int i = 0; i < count; ++i)
    bytes.at(at + static_cast<std::size_t>(i)) = static_cast<char>(value >> (8 * i));
}

/// An ELF program with one segment of notes.
std::string elf(std::uint32_t note_type) {
  std::string bytes(64 + 56 + 20, '\0');
  bytes.replace(0, 5,
                "\x7f"
                "ELF\x02");
  put(bytes, 32, 64, 8);   // program headers
  put(bytes, 54, 56, 2);   // size of one
  put(bytes, 56, 1, 2);    // how many
  put(bytes, 64, 4, 4);    // PT_NOTE
  put(bytes, 72, 120, 8);  // where
  put(bytes, 96, 20, 8);   // size
  put(bytes, 120, 4, 4);
  put(bytes, 124, 4, 4);
  put(bytes, 128, note_type, 4);
  bytes.replace(132, 3, "Xen");
  return bytes;
}

/// A bzImage with this payload, and one sector of real-mode code.
std::string kernel_file(const std::string& payload) {
  std::string bytes(1024 + 16, '\0');
  put(bytes, 0x1f1, 1, 1);
  bytes.replace(0x202, 4, "HdrS");
  put(bytes, 0x206, 0x20f, 2);
  put(bytes, 0x248, 16, 4);
  put(bytes, 0x24c, payload.size(), 4);
  return bytes + payload;
}

std::string compressed(const std::vector<std::string>& program, const std::string& content) {
  const support::TempDir work;
  support::write_file_atomic(work.path() / "file", content);
  auto argv = program;
  argv.push_back((work.path() / "file").string());
  return support::run_checked({.argv = argv});
}

TEST(Kernel, PvhEntry) {
  EXPECT_TRUE(has_pvh_entry(elf(18)));
  EXPECT_FALSE(has_pvh_entry(elf(17)));
  EXPECT_FALSE(has_pvh_entry("no program"));
  for (std::size_t size = 0; size < elf(18).size() - 4; ++size)
    EXPECT_FALSE(has_pvh_entry(elf(18).substr(0, size))) << size;
}

TEST(Kernel, EveryCompression) {
  const std::string size = "\1\2\3\4";  // four bytes that the build of the kernel adds
  for (const auto& program :
       std::vector<std::vector<std::string>>{{"xz", "-c"}, {"zstd", "-q", "-c"}, {"bzip2", "-c"}})
    EXPECT_EQ(plain_kernel(kernel_file(compressed(program, elf(18)) + size)), elf(18)) << program[0];
  EXPECT_EQ(plain_kernel(kernel_file(compressed({"gzip", "-c"}, elf(18)))), elf(18));
  // lz4 of the old format, as the kernel's: magic number, size of the block, literals only.
  std::string lz4(4 + 4 + 1 + 1, '\0');
  put(lz4, 0, 0x184c2102, 4);
  put(lz4, 4, 2 + elf(18).size(), 4);
  put(lz4, 8, 0xf0, 1);
  put(lz4, 9, elf(18).size() - 15, 1);
  EXPECT_EQ(plain_kernel(kernel_file(lz4 + elf(18) + size)), elf(18));
}

TEST(Kernel, NothingThatCanBeStarted) {
  EXPECT_EQ(plain_kernel(""), std::nullopt);
  EXPECT_EQ(plain_kernel(kernel_file("neither this nor that")), std::nullopt);
  EXPECT_EQ(plain_kernel(kernel_file(compressed({"xz", "-c"}, elf(17)) + "1234")), std::nullopt);
  std::string cut = kernel_file(compressed({"xz", "-c"}, elf(18)) + "1234");
  cut.resize(cut.size() - 8);
  EXPECT_EQ(plain_kernel(cut), std::nullopt);
  std::string old = kernel_file(compressed({"xz", "-c"}, elf(18)) + "1234");
  put(old, 0x206, 0x207, 2);
  EXPECT_EQ(kernel_payload(old), std::nullopt);
}

}  // namespace
}  // namespace vmimage::disk
