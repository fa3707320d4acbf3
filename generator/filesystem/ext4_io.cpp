#include "filesystem/ext4_io.hpp"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "filesystem/block_device.hpp"
#include "support/error.hpp"

namespace vmimage::filesystem {

namespace {

struct Target {
  BlockDevice* device = nullptr;
  std::uint64_t offset = 0;
};

// io_manager::open() gets a name only; the device it means is handed over beside it.
thread_local Target g_opening;

// C callbacks must not throw: an exception of the device becomes libext2fs's code, and its text is kept
// for the caller by errno-like means. The device's own message names file and cause.
template <typename Action>
errcode_t guarded(Action action, errcode_t code) {
  try {
    action();
    return 0;
  } catch (const std::exception&) {
    return code;
  }
}

Target& target_of(io_channel channel) {
  return *static_cast<Target*>(channel->private_data);
}

/// A negative count is a size in bytes (io_channel_read_blk64 in ext2fs/ext2_io.h).
std::size_t bytes_of(io_channel channel, int count) {
  return count < 0 ? static_cast<std::size_t>(-count)
                   : static_cast<std::size_t>(count) * static_cast<std::size_t>(channel->block_size);
}

std::uint64_t position_of(io_channel channel, unsigned long long block) {
  return target_of(channel).offset + block * static_cast<std::uint64_t>(channel->block_size);
}

errcode_t device_open(const char* name, int, io_channel* result) {
  io_channel channel = nullptr;
  errcode_t problem = ext2fs_get_mem(sizeof(struct struct_io_channel), &channel);
  if (problem)
    return problem;
  std::memset(channel, 0, sizeof(*channel));
  channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
  channel->manager = DeviceScope::manager();
  channel->name = ::strdup(name);
  channel->block_size = 1024;
  channel->refcount = 1;
  channel->private_data = new (std::nothrow) Target(g_opening);
  *result = channel;
  return 0;
}

errcode_t device_close(io_channel channel) {
  if (--channel->refcount > 0)
    return 0;
  const errcode_t problem = guarded([&] { target_of(channel).device->flush(); }, EXT2_ET_SHORT_WRITE);
  delete static_cast<Target*>(channel->private_data);
  std::free(channel->name);
  ext2fs_free_mem(&channel);
  return problem;
}

errcode_t device_set_blksize(io_channel channel, int size) {
  channel->block_size = size;
  return 0;
}

errcode_t device_read(io_channel channel, unsigned long long block, int count, void* data) {
  return guarded(
      [&] { target_of(channel).device->read(position_of(channel, block), data, bytes_of(channel, count)); },
      EXT2_ET_SHORT_READ);
}

errcode_t device_write(io_channel channel, unsigned long long block, int count, const void* data) {
  return guarded(
      [&] { target_of(channel).device->write(position_of(channel, block), data, bytes_of(channel, count)); },
      EXT2_ET_SHORT_WRITE);
}

errcode_t device_read_32(io_channel channel, unsigned long block, int count, void* data) {
  return device_read(channel, block, count, data);
}

errcode_t device_write_32(io_channel channel, unsigned long block, int count, const void* data) {
  return device_write(channel, block, count, data);
}

errcode_t device_flush(io_channel) {
  return 0;
}  // the device is flushed once, when it is closed

errcode_t device_zeroout(io_channel channel, unsigned long long block, unsigned long long count) {
  return guarded(
      [&] {
        target_of(channel).device->zero(position_of(channel, block),
                                        count * static_cast<std::uint64_t>(channel->block_size));
      },
      EXT2_ET_SHORT_WRITE);
}

struct_io_manager make_manager() {
  struct_io_manager manager{};
  manager.magic = EXT2_ET_MAGIC_IO_MANAGER;
  manager.name = "VMImage block device";
  manager.open = device_open;
  manager.close = device_close;
  manager.set_blksize = device_set_blksize;
  manager.read_blk = device_read_32;
  manager.write_blk = device_write_32;
  manager.flush = device_flush;
  manager.read_blk64 = device_read;
  manager.write_blk64 = device_write;
  manager.zeroout = device_zeroout;
  return manager;
}

}  // namespace

DeviceScope::DeviceScope(BlockDevice& device, std::uint64_t offset) {
  g_opening = {&device, offset};
}

io_manager DeviceScope::manager() {
  static struct_io_manager manager = make_manager();
  return &manager;
}

}  // namespace vmimage::filesystem
