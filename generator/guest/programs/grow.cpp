// Makes the root as large as the disk that it finds itself on: the initrd runs it, and only when there is
// room behind the root partition.
//   grow partition DISK NUMBER     moves the end of the last partition, and the table's copy, to the end of
//   the disk grow filesystem FOLDER DEVICE  makes the mounted ext4 as large as its device
// On-disk form: UEFI Specification 2.10, 5.3 (GUID Partition Table).

#include <linux/blkpg.h>
#include <linux/fs.h>

#include "freestanding.hpp"

using namespace freestanding;

namespace {

constexpr long kReadWrite = 2, kReadOnly = 0, kToEnd = 2;
constexpr Word kSector = 512, kAlignment = 2048, kEntrySize = 128, kEntries = 128;
constexpr Word kTable = kEntrySize * kEntries / kSector;
constexpr Word kResizeExt4 = _IOW('f', 16, __u64);  // EXT4_IOC_RESIZE_FS

[[noreturn]] void fail(const char* what) {
  write_text(2, "grow: ");
  write_text(2, what);
  write_text(2, "\n");
  end(1);
}

Word get(const Byte* bytes, int count) {
  Word value = 0;
  while (count-- > 0)
    value = value << 8 | bytes[count];
  return value;
}

void put(Byte* bytes, Word value, int count) {
  for (int i = 0; i < count; ++i)
    bytes[i] = static_cast<Byte>(value >> (8 * i));
}

Word crc32(const Byte* bytes, Word size) {
  Word crc = 0xffffffff;
  for (Word i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return crc ^ 0xffffffff;
}

long open_file(const char* path, long mode) {
  const long fd = call(__NR_open, address(path), mode);
  if (fd < 0)
    fail("a device or folder cannot be opened");
  return fd;
}

Word size_of(long fd) {
  const long size = call(__NR_lseek, fd, 0, kToEnd);
  if (size < 0)
    fail("a device has no size");
  return static_cast<Word>(size);
}

void read(long fd, Word sector, Byte* bytes, Word size) {
  if (call(__NR_pread64, fd, reinterpret_cast<long>(bytes), static_cast<long>(size),
           static_cast<long>(sector * kSector)) != static_cast<long>(size))
    fail("the disk cannot be read");
}

void write(long fd, Word sector, const Byte* bytes, Word size) {
  if (call(__NR_pwrite64, fd, reinterpret_cast<long>(bytes), static_cast<long>(size),
           static_cast<long>(sector * kSector)) != static_cast<long>(size))
    fail("the disk cannot be written");
}

Byte header[kSector], guard[kSector], entries[kEntrySize * kEntries];

/// The header as it is at `own`, with the other one at `other`.
void write_header(long fd, Word own, Word other, Word table) {
  put(header + 24, own, 8);
  put(header + 32, other, 8);
  put(header + 72, table, 8);
  put(header + 88, crc32(entries, sizeof entries), 4);
  put(header + 16, 0, 4);
  put(header + 16, crc32(header, get(header + 12, 4)), 4);
  write(fd, own, header, kSector);
  call(__NR_fsync, fd);
}

void read_table(long fd) {
  read(fd, 1, header, kSector);
  const Word size = get(header + 12, 4), sum = get(header + 16, 4);
  if (get(header, 8) != 0x5452415020494645 || size < 92 || size > kSector || get(header + 72, 8) != 2 ||
      get(header + 80, 4) != kEntries || get(header + 84, 4) != kEntrySize)
    fail("the disk has no partition table of this program's kind");
  put(header + 16, 0, 4);
  read(fd, 2, entries, sizeof entries);
  if (crc32(header, size) != sum || crc32(entries, sizeof entries) != get(header + 88, 4))
    fail("the partition table is damaged");
}

/// To the kernel, when the disk is one of it and no file.
void tell_kernel(long fd, Word index, Word first, Word last) {
  blkpg_partition partition{};
  partition.start = static_cast<long long>(first * kSector);
  partition.length = static_cast<long long>((last + 1 - first) * kSector);
  partition.pno = static_cast<int>(index);
  blkpg_ioctl_arg argument{};
  argument.op = BLKPG_RESIZE_PARTITION;
  argument.datalen = sizeof partition;
  argument.data = &partition;
  constexpr long kNotADevice = -25;
  const long status = call(__NR_ioctl, fd, static_cast<long>(BLKPG), reinterpret_cast<long>(&argument));
  if (status < 0 && status != kNotADevice)
    fail("the kernel does not take the partition's new size; it will at the next boot");
}

void grow_partition(const char* disk, Word index) {
  const long fd = open_file(disk, kReadWrite);
  const Word sectors = size_of(fd) / kSector;
  read_table(fd);
  if (index < 1 || index > kEntries)
    fail("there is no such partition");
  Byte* entry = entries + kEntrySize * (index - 1);
  const Word first = get(entry + 32, 8), last = get(entry + 40, 8);
  for (Word i = 0; i < kEntries; ++i)
    if (get(entries + kEntrySize * i, 8) != 0 && get(entries + kEntrySize * i + 40, 8) > last)
      fail("another partition lies behind it");
  // Whole MiB; the last one is the copy's, as vmimage makes its disks.
  const Word end_of_root = sectors / kAlignment * kAlignment - kAlignment - 1;
  if (first == 0 || sectors < first + kAlignment || end_of_root <= last)
    end(0);
  put(entry + 40, end_of_root, 8);
  put(header + 48, sectors - kTable - 2, 8);  // last usable sector
  // The copy first: until the header is written the old table holds.
  write(fd, sectors - 1 - kTable, entries, sizeof entries);
  write_header(fd, sectors - 1, 1, sectors - 1 - kTable);
  write(fd, 2, entries, sizeof entries);
  write_header(fd, 1, sectors - 1, 2);
  read(fd, 0, guard, kSector);
  put(guard + 446 + 12, sectors - 1 < 0xffffffff ? sectors - 1 : 0xffffffff, 4);
  write(fd, 0, guard, kSector);
  call(__NR_fsync, fd);
  tell_kernel(fd, index, first, end_of_root);
}

void grow_filesystem(const char* folder, const char* device) {
  constexpr Word kBlock = 4096;  // as vmimage makes its file systems
  Word blocks = size_of(open_file(device, kReadOnly)) / kBlock;
  if (call(__NR_ioctl, open_file(folder, kReadOnly), static_cast<long>(kResizeExt4),
           reinterpret_cast<long>(&blocks)) < 0)
    fail("the file system cannot be enlarged");
}

}  // namespace

extern "C" [[noreturn]] void start(const Word* stack) {
  const char* const* argv = reinterpret_cast<const char* const*>(stack + 1);
  if (stack[0] != 4)
    fail("usage: grow partition DISK NUMBER | grow filesystem FOLDER DEVICE");
  if (same(argv[1], "partition"))
    grow_partition(argv[2], number(argv[3]));
  else if (same(argv[1], "filesystem"))
    grow_filesystem(argv[2], argv[3]);
  else
    fail("usage: grow partition DISK NUMBER | grow filesystem FOLDER DEVICE");
  end(0);
}
