#include "support/file.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <future>
#include <sstream>
#include <utility>
#include <vector>

#include "support/checksum.hpp"
#include "support/descriptor.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::support {

namespace {

std::string quoted(const fs::path& path) {
  return "'" + path.string() + "'";
}

void write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0)
      throw_errno("write " + quoted(path));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

// In larger pieces the kernel takes larger pages; in smaller ones a piece is still in the processor's cache
// when it is written.
constexpr std::size_t kCopyPiece = 2 << 20;

void write_piece(int out, const char* data, std::size_t size, off_t at, const fs::path& target) {
  while (size > 0) {
    const auto put = ::pwrite(out, data, size, at);
    if (put < 0)
      throw_errno("write " + quoted(target));
    data += put;
    at += put;
    size -= static_cast<std::size_t>(put);
  }
}

/// Copies [from, to) of one file into the same place of the other. The space is reserved first: writing then
/// is half the work for the kernel, and a full disk is noticed at once. While one piece is written, the next
/// one is read and summed up.
void copy_range(int in, int out, off_t from, off_t to, Checksum* checksum, const fs::path& target) {
  if (::fallocate(out, 0, from, to - from) != 0 && errno != EOPNOTSUPP)
    throw_errno("write " + quoted(target));
  std::array<std::vector<char>, 2> buffers;
  std::future<void> writing;
  for (std::size_t turn = 0; from < to; turn = 1 - turn) {
    check_interrupt();
    auto& buffer = buffers.at(turn);
    buffer.resize(std::min<std::size_t>(static_cast<std::size_t>(to - from), kCopyPiece));
    const auto got = ::pread(in, buffer.data(), buffer.size(), from);
    if (got < 0)
      throw_errno("read the source of " + quoted(target));
    if (got == 0)
      throw failure("failed to write " + quoted(target) + ": its source got shorter meanwhile");
    if (checksum)
      checksum->add(buffer.data(), static_cast<std::size_t>(got));
    if (writing.valid())
      writing.get();
    writing = std::async(std::launch::async, write_piece, out, buffer.data(), static_cast<std::size_t>(got),
                         from, std::cref(target));
    from += got;
  }
  if (writing.valid())
    writing.get();
}

fs::path xdg(const char* variable, const char* fallback_under_home) {
  if (const char* value = std::getenv(variable); value && value[0] == '/')
    return value;
  const char* home = std::getenv("HOME");
  if (!home || !*home)
    throw failure("failed to find the home folder: HOME is not set", "set HOME");
  return fs::path(home) / fallback_under_home;
}

}  // namespace

std::string read_file(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    errno = EISDIR;
    throw_errno("open " + quoted(path));
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    throw_errno("open " + quoted(path));
  std::ostringstream text;
  text << stream.rdbuf();
  if (stream.bad())
    throw_errno("read " + quoted(path));
  return std::move(text).str();
}

void write_file_atomic(const fs::path& path, std::string_view bytes, mode_t mode, Sync sync) {
  PendingFile pending(path);
  {
    const Descriptor file(::open(pending.path().c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.open())
      throw_errno("write " + quoted(path));
    write_all(file.fd, bytes, path);
    if (::fchmod(file.fd, mode) != 0 || (sync == Sync::Yes && ::fsync(file.fd) != 0))
      throw_errno("write " + quoted(path));
  }
  pending.commit();
}

TempDir::TempDir(const fs::path& parent, const std::string& prefix) {
  fs::path folder = parent.empty() ? fs::temp_directory_path() : parent;
  std::string name = (folder / (prefix + "XXXXXX")).string();
  if (!::mkdtemp(name.data()))
    throw_errno("create a folder in " + quoted(folder));
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

namespace {

/// Removes the temporary files for `final_path` that nobody has locked any more.
void remove_abandoned(const fs::path& folder, const std::string& prefix) {
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(folder, ignored)) {
    const std::string name = file.path().filename().string();
    if (name.size() != prefix.size() + 6 || !name.starts_with(prefix))
      continue;
    const Descriptor opened(::open(file.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (opened.open() && ::flock(opened.fd, LOCK_EX | LOCK_NB) == 0)
      ::unlink(file.path().c_str());
  }
}

}  // namespace

PendingFile::PendingFile(const fs::path& final_path) : final_(final_path) {
  const fs::path folder = final_.has_parent_path() ? final_.parent_path() : fs::path(".");
  const std::string prefix = "." + final_.filename().string() + ".";
  remove_abandoned(folder, prefix);
  struct stat status {};
  do {
    std::string name = (folder / (prefix + "XXXXXX")).string();
    lock_ = Descriptor(::mkostemp(name.data(), O_CLOEXEC));
    if (!lock_.open())
      throw_errno("create a file in " + quoted(folder));
    temporary_ = name;
    // Between the two somebody else may have taken it for abandoned: then there is another turn.
  } while (::flock(lock_.fd, LOCK_SH) == 0 && ::fstat(lock_.fd, &status) == 0 && status.st_nlink == 0);
  // mkstemp makes it private; an output gets what the user's umask says.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(lock_.fd, 0666 & ~mask);
}

PendingFile::~PendingFile() {
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
}

void PendingFile::commit() {
  if (::rename(temporary_.c_str(), final_.c_str()) != 0)
    throw_errno("write " + quoted(final_));
  temporary_.clear();
}

void copy_sparse(const fs::path& from, const fs::path& to, Checksum* checksum) {
  const Descriptor in{::open(from.c_str(), O_RDONLY | O_CLOEXEC)};
  if (in.fd < 0)
    throw_errno("open " + quoted(from));
  const Descriptor out{::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
  if (out.fd < 0)
    throw_errno("write " + quoted(to));
  if (::ioctl(out.fd, FICLONE, in.fd) == 0) {
    if (checksum)
      add_file(*checksum, in.fd, from);
    return;
  }
  struct stat status {};
  if (::fstat(in.fd, &status) != 0)
    throw_errno("read " + quoted(from));
  if (::ftruncate(out.fd, status.st_size) != 0)
    throw_errno("write " + quoted(to));
  for (off_t at = 0; at < status.st_size;) {
    off_t data = ::lseek(in.fd, at, SEEK_DATA);
    if (data < 0)
      data = status.st_size;  // ENXIO: only a hole is left
    if (checksum)
      checksum->add_zeroes(static_cast<std::uint64_t>(data - at));
    if (data == status.st_size)
      break;
    at = ::lseek(in.fd, data, SEEK_HOLE);
    copy_range(in.fd, out.fd, data, at, checksum, to);
  }
}

FileLock::FileLock(const fs::path& path, Wait wait) : path_(path) {
  std::error_code problem;
  fs::create_directories(path.parent_path(), problem);
  if (problem)
    throw failure("failed to create the folder " + quoted(path.parent_path()) + ": " + problem.message());
  for (;;) {
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (!file.open())
      throw_errno("open " + quoted(path));
    while (::flock(file.fd, wait == Wait::No ? LOCK_EX | LOCK_NB : LOCK_EX) != 0) {
      if (errno == EWOULDBLOCK)
        return;
      if (errno != EINTR)
        throw_errno("lock " + quoted(path));
      check_interrupt();
    }
    struct stat ours {
    }, named{};
    const bool same = ::fstat(file.fd, &ours) == 0 && ::stat(path.c_str(), &named) == 0 &&
                      ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
    if (same) {
      fd_ = std::exchange(file.fd, -1);
      return;
    }  // else it was removed while we waited
  }
}

void FileLock::remove() {
  ::unlink(path_.c_str());
}

FileLock::~FileLock() {
  if (fd_ >= 0)
    ::close(fd_);
}

fs::path cache_folder() {
  if (const char* value = std::getenv("VMIMAGE_CACHE"); value && *value)
    return fs::absolute(value);
  return xdg("XDG_CACHE_HOME", ".cache") / "vmimage";
}

fs::path state_folder(const std::string& program) {
  return xdg("XDG_STATE_HOME", ".local/state") / program;
}

fs::path runtime_folder(const std::string& program) {
  if (const char* value = std::getenv("XDG_RUNTIME_DIR"); value && value[0] == '/')
    return fs::path(value) / program;
  return fs::path("/tmp") / (program + "-" + std::to_string(::getuid()));
}

}  // namespace vmimage::support
