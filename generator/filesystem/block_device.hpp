#pragma once
// What a file system is written to: a raw file, or a disk image of any format through qemu-nbd.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace vmimage::filesystem {

/// A run of bytes of a device.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

class BlockDevice {
 public:
  virtual ~BlockDevice() = default;
  virtual std::uint64_t size() const = 0;  ///< bytes
  virtual void read(std::uint64_t offset, void* data, std::size_t size) = 0;
  virtual void write(std::uint64_t offset, const void* data, std::size_t size) = 0;
  virtual void zero(std::uint64_t offset, std::uint64_t size) = 0;
  virtual void flush() = 0;
  /// Where there is data, in order; what is between reads as zeroes. A device that cannot tell says "all".
  virtual std::vector<Extent> data() { return {{0, size()}}; }
};

enum class DeviceAccess { Read, Write };

class RawFile : public BlockDevice {
 public:
  RawFile(const std::filesystem::path& path, DeviceAccess access);
  ~RawFile() override;
  std::uint64_t size() const override;
  void read(std::uint64_t offset, void* data, std::size_t size) override;
  void write(std::uint64_t offset, const void* data, std::size_t size) override;
  void zero(std::uint64_t offset, std::uint64_t size) override;
  void flush() override;
  std::vector<Extent> data() override;
  /// Sets space aside (fallocate(2)), where the file system can: writing there is cheaper, and cannot fail
  /// for want of space. The file grows when need be; what is new reads as zeroes.
  void reserve(std::uint64_t offset, std::uint64_t size);

 private:
  int fd_;
  std::filesystem::path path_;
};

/// How qemu-img and qemu-nbd name an image that is a part of a file: a "json:" file name (qemu(1), "Device
/// URL Syntax"). It is opened without a backing file, whatever it says about one.
std::string qemu_part(const std::filesystem::path& file, const std::string& format, Extent part);

/// Any image that QEMU reads. qemu-nbd serves it on a private Unix socket, for us alone, and ends with us.
class NbdImage : public BlockDevice {
 public:
  /// `format` empty: QEMU finds it out (only for reading). Throws Error{Usage} when the file is no image.
  NbdImage(const std::filesystem::path& path, const std::string& format, DeviceAccess access)
      : NbdImage(path, format, access, {}) {}
  /// `part`: where in the file the image is (in an archive, say), read-only; size 0: the whole file. An image
  /// in a part is opened without a backing file, whatever it says about one.
  NbdImage(const std::filesystem::path& path, const std::string& format, DeviceAccess access, Extent part);
  ~NbdImage() override;
  std::uint64_t size() const override;
  void read(std::uint64_t offset, void* data, std::size_t size) override;
  void write(std::uint64_t offset, const void* data, std::size_t size) override;
  void zero(std::uint64_t offset, std::uint64_t size) override;
  void flush() override;
  std::vector<Extent> data() override;
  /// Flushes and waits until qemu-nbd has closed the image; afterwards the file is complete.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vmimage::filesystem
