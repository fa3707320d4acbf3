#include "supervisor/place.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/json.hpp"

namespace vmfleet::supervisor {

namespace support = vmimage::support;

namespace {

constexpr std::size_t kLongestSocketFolder = 75;  // of the 107 of unix(7); HAProxy appends to its own

void make_private(const fs::path& folder) {
  fs::create_directories(folder.parent_path());
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    support::throw_errno(fmt::format("create the folder '{}'", folder.string()));
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != ::geteuid())
    throw support::failure(fmt::format("failed to use '{}': it is not a folder of yours", folder.string()),
                           "remove it, or set XDG_RUNTIME_DIR");
  ::chmod(folder.c_str(), 0700);
}

/// Another one each time, so that whoever removes an old one does not touch a new one.
fs::path choose_socket_folder(const fs::path& root) {
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  const std::string leaf =
      support::sha256(fmt::format("{} {} {}", root.string(), ::getpid(), now)).substr(0, 12);
  const fs::path folder = support::runtime_folder("vmfleet") / leaf;
  if (folder.native().size() <= kLongestSocketFolder &&
      folder.native().find_first_of(":,") == std::string::npos)
    return folder;  // HAProxy takes what follows a colon for a port, and a comma for the end of a path
  return fs::path(fmt::format("/tmp/vmfleet-{}", ::geteuid())) / leaf;
}

fs::path noted_sockets(const fs::path& root) {
  const fs::path note = root / "sockets";
  std::error_code problem;
  return fs::exists(note, problem) ? fs::path(support::read_file(note)) : fs::path();
}

}  // namespace

fs::path Place::monitor(const std::string& id) const {
  return sockets / id.substr(id.rfind('-') + 1) / "qmp";
}

fs::path fleets_folder() {
  return support::state_folder("vmfleet");
}

std::vector<std::string> fleet_names() {
  std::vector<std::string> names;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(fleets_folder(), problem))
    if (entry.path().filename().string()[0] != '.' && fs::exists(entry.path() / "state.json", problem))
      names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

Place locate(const std::string& name) {
  const fs::path root = fleets_folder() / name;
  return {name, root, noted_sockets(root)};
}

Place make_place(const std::string& name) {
  Place place = locate(name);
  make_private(place.root);
  return place.sockets.empty() ? renew_sockets(place) : place;
}

Place renew_sockets(Place place) {
  const fs::path old = std::exchange(place.sockets, choose_socket_folder(place.root));
  support::write_file_atomic(place.root / "sockets", place.sockets.string(), 0600);
  std::error_code ignored;
  if (!old.empty())
    fs::remove_all(old, ignored);
  return place;
}

void make_sockets(const Place& place) {
  make_private(place.sockets.parent_path());
  make_private(place.sockets);
}

void remove_place(const Place& place) {
  std::error_code ignored;
  // It disappears at once; what comes after may be interrupted.
  const fs::path away = place.root.parent_path() / fmt::format(".{}.{}", place.name, ::getpid());
  fs::rename(place.root, away, ignored);
  fs::remove_all(place.sockets, ignored);
  fs::remove(place.sockets.parent_path(), ignored);  // when no other fleet has its sockets there
  fs::remove_all(away, ignored);
}

SupervisorLock::SupervisorLock(const Place& place) {
  const fs::path path = place.root / "lock";
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0 && errno == ENOENT)
    return;  // the fleet is gone
  if (fd_ < 0)
    support::throw_errno(fmt::format("open '{}'", path.string()));
  struct stat mine {};
  struct stat there {};
  // The folder may have been removed and made anew between the two calls.
  const bool held = ::flock(fd_, LOCK_EX | LOCK_NB) == 0 && ::fstat(fd_, &mine) == 0 &&
                    ::stat(path.c_str(), &there) == 0 && mine.st_ino == there.st_ino &&
                    mine.st_dev == there.st_dev;
  if (held)
    return;
  ::close(fd_);
  fd_ = -1;
}

SupervisorLock::~SupervisorLock() {
  if (fd_ >= 0)
    ::close(fd_);
}

}  // namespace vmfleet::supervisor
