#include "filesystem/block_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <libnbd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "support/error.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmimage::filesystem {

using support::check_interrupt;
using support::failure;
using support::throw_errno;
namespace fs = std::filesystem;

RawFile::RawFile(const fs::path& path, DeviceAccess access)
    : fd_(::open(path.c_str(), (access == DeviceAccess::Write ? O_RDWR : O_RDONLY) | O_CLOEXEC)),
      path_(path) {
  if (fd_ < 0)
    throw_errno("open '" + path.string() + "'");
}

RawFile::~RawFile() {
  ::close(fd_);
}

std::uint64_t RawFile::size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0)
    throw_errno("read '" + path_.string() + "'");
  return static_cast<std::uint64_t>(status.st_size);
}

void RawFile::read(std::uint64_t offset, void* data, std::size_t size) {
  auto* at = static_cast<char*>(data);
  while (size > 0) {
    const auto got = ::pread(fd_, at, size, static_cast<off_t>(offset));
    if (got < 0)
      throw_errno("read '" + path_.string() + "'");
    if (got == 0)
      throw failure("failed to read '" + path_.string() + "': it ends too early");
    at += got;
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
}

void RawFile::write(std::uint64_t offset, const void* data, std::size_t size) {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    const auto put = ::pwrite(fd_, at, size, static_cast<off_t>(offset));
    if (put < 0)
      throw_errno("write '" + path_.string() + "'");
    at += put;
    offset += static_cast<std::uint64_t>(put);
    size -= static_cast<std::size_t>(put);
  }
}

void RawFile::zero(std::uint64_t offset, std::uint64_t size) {
  constexpr int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (::fallocate(fd_, mode, static_cast<off_t>(offset), static_cast<off_t>(size)) != 0)
    throw_errno("write '" + path_.string() + "'");
}

std::vector<Extent> RawFile::data() {
  std::vector<Extent> list;
  const auto end = static_cast<off_t>(size());
  for (off_t at = 0; at < end;) {
    const off_t start = ::lseek(fd_, at, SEEK_DATA);
    if (start < 0 && errno == ENXIO)
      break;  // only a hole is left
    at = start < 0 ? -1 : ::lseek(fd_, start, SEEK_HOLE);
    if (at < 0)
      throw_errno("read '" + path_.string() + "'");
    list.push_back({static_cast<std::uint64_t>(start), static_cast<std::uint64_t>(at - start)});
  }
  return list;
}

void RawFile::reserve(std::uint64_t offset, std::uint64_t size) {
  if (::fallocate(fd_, 0, static_cast<off_t>(offset), static_cast<off_t>(size)) == 0)
    return;
  if (errno != EOPNOTSUPP)
    throw_errno("write '" + path_.string() + "'");
  if (this->size() < offset + size && ::ftruncate(fd_, static_cast<off_t>(offset + size)) != 0)
    throw_errno("write '" + path_.string() + "'");
}

void RawFile::flush() {}  // the page cache is enough: a finished file is synced before it gets its name

struct NbdImage::State {
  nbd_handle* handle = nullptr;
  fs::path path;

  ~State() {
    if (handle)
      nbd_close(handle);  // the server sees the end of file and goes
  }
  void check(int status, const char* what) const {
    if (status != -1)
      return;
    check_interrupt();
    throw failure(fmt::format("failed to {} '{}': {}", what, path.string(), nbd_get_error()));
  }
};

std::string qemu_part(const fs::path& file, const std::string& format, Extent part) {
  support::json node{{"driver", format},
                     {"file",
                      {{"driver", "raw"},
                       {"offset", part.offset},
                       {"size", part.size},
                       {"file", {{"driver", "file"}, {"filename", fs::absolute(file).string()}}}}}};
  if (format != "raw")
    node["backing"] = nullptr;
  return "json:" + node.dump();
}

NbdImage::NbdImage(const fs::path& path, const std::string& format, DeviceAccess access, Extent part)
    : state_(std::make_unique<State>()) {
  if (!fs::exists(path))
    throw support::invalid("failed to open '" + path.string() + "': no such file");
  const fs::path server = support::find_program("qemu-nbd");
  if (server.empty())
    throw failure("failed to run 'qemu-nbd': program not found on PATH", "install qemu-utils");
  state_->path = path;
  state_->handle = nbd_create();
  if (!state_->handle)
    throw failure(std::string("failed to start libnbd: ") + nbd_get_error());
  const std::string program = server.string();
  const std::string file = part.size ? qemu_part(path, format, part) : fs::absolute(path).string();
  const std::string format_option = "--format=" + format;
  // Socket activation (nbd_connect_systemd_socket_activation(3)): libnbd makes the socket, so there is no
  // race and no name to clean up. cache=unsafe: a crash loses the file anyway, which has no name yet.
  std::vector<char*> argv;
  const auto add = [&](const std::string& word) { argv.push_back(const_cast<char*>(word.c_str())); };
  const std::string cache = "--cache=unsafe", discard = "--discard=unmap", zeroes = "--detect-zeroes=unmap",
                    read_only = "--read-only";
  add(program);
  if (!format.empty() && part.size == 0)
    add(format_option);
  if (access == DeviceAccess::Write) {
    add(cache);
    add(discard);
    add(zeroes);
  } else {
    add(read_only);
  }
  add(file);
  argv.push_back(nullptr);
  nbd_add_meta_context(state_->handle, LIBNBD_CONTEXT_BASE_ALLOCATION);
  if (nbd_connect_systemd_socket_activation(state_->handle, argv.data()) == -1)
    throw support::invalid(
        fmt::format("failed to open '{}': it is no disk image that QEMU reads", path.string()),
        "check the path, or build the image again");
}

NbdImage::~NbdImage() = default;

std::uint64_t NbdImage::size() const {
  const auto size = nbd_get_size(state_->handle);
  if (size < 0)
    state_->check(-1, "read");
  return static_cast<std::uint64_t>(size);
}

namespace {
constexpr std::size_t kRequest = 8 << 20;  // the protocol's limit is 32 MiB; smaller ones overlap better

template <typename Step>
void in_requests(std::uint64_t offset, std::uint64_t size, Step step) {
  while (size > 0) {
    const auto part = std::min<std::uint64_t>(size, kRequest);
    step(offset, static_cast<std::size_t>(part));
    offset += part;
    size -= part;
  }
}
}  // namespace

void NbdImage::read(std::uint64_t offset, void* data, std::size_t size) {
  auto* at = static_cast<char*>(data);
  in_requests(offset, size, [&](std::uint64_t from, std::size_t part) {
    state_->check(nbd_pread(state_->handle, at, part, from, 0), "read");
    at += part;
  });
}

void NbdImage::write(std::uint64_t offset, const void* data, std::size_t size) {
  const auto* at = static_cast<const char*>(data);
  in_requests(offset, size, [&](std::uint64_t from, std::size_t part) {
    state_->check(nbd_pwrite(state_->handle, at, part, from, 0), "write");
    at += part;
  });
}

void NbdImage::zero(std::uint64_t offset, std::uint64_t size) {
  in_requests(offset, size, [&](std::uint64_t from, std::size_t part) {
    state_->check(nbd_zero(state_->handle, part, from, 0), "write");
  });
}

namespace {

/// What nbd_block_status(3) tells of: runs of the device from `at` on, one behind the other.
struct Runs {
  std::uint64_t at = 0;
  std::vector<Extent> data;
};

int add_runs(void* user, const char* context, std::uint64_t offset, std::uint32_t* entries, std::size_t count,
             int*) {
  auto& runs = *static_cast<Runs*>(user);
  if (std::string_view(context) != LIBNBD_CONTEXT_BASE_ALLOCATION || offset != runs.at)
    return 0;
  for (std::size_t i = 0; i + 1 < count; i += 2) {  // pairs: length, flags
    const std::uint64_t length = entries[i];
    if (!(entries[i + 1] & LIBNBD_STATE_ZERO)) {
      if (!runs.data.empty() && runs.data.back().offset + runs.data.back().size == runs.at)
        runs.data.back().size += length;
      else
        runs.data.push_back({runs.at, length});
    }
    runs.at += length;
  }
  return 0;
}

}  // namespace

std::vector<Extent> NbdImage::data() {
  constexpr std::uint64_t kMost = 2ull << 30;  // a length has 32 bits
  if (nbd_can_meta_context(state_->handle, LIBNBD_CONTEXT_BASE_ALLOCATION) != 1)
    return BlockDevice::data();
  Runs runs;
  for (const std::uint64_t end = size(); runs.at < end;) {
    const std::uint64_t before = runs.at;
    const nbd_extent_callback callback{.callback = add_runs, .user_data = &runs, .free = nullptr};
    state_->check(nbd_block_status(state_->handle, std::min(end - before, kMost), before, callback, 0),
                  "read");
    if (runs.at == before)
      throw failure(
          fmt::format("failed to read '{}': QEMU does not say where its data is", state_->path.string()));
  }
  return runs.data;
}

void NbdImage::flush() {
  state_->check(nbd_flush(state_->handle, 0), "write");
}

void NbdImage::close() {
  flush();
  state_->check(nbd_shutdown(state_->handle, 0), "write");
  nbd_close(state_->handle);  // also reaps the server
  state_->handle = nullptr;
}

}  // namespace vmimage::filesystem
