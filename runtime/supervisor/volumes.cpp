#include "supervisor/volumes.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "support/error.hpp"

namespace vmfleet::supervisor {

namespace support = vmimage::support;

namespace {

/// What the files of a folder take on the disk.
std::uint64_t size_of(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder, problem)) {
    struct stat status {};
    if (::stat(entry.path().c_str(), &status) == 0)
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

int number_of(const fs::path& folder) {
  const std::string name = folder.filename();
  const bool digits = name.size() <= 6 && name.find_first_not_of("0123456789") == std::string::npos;
  return digits ? std::stoi(name) : 0;
}

}  // namespace

std::vector<fleet::VolumeStatus> volumes_of(const Place& place) {
  std::vector<fleet::VolumeStatus> list;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(place.volumes(), problem))
    if (const int number = number_of(entry.path()); number > 0)
      list.push_back({number, entry.path(), size_of(entry.path()), {}});
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return list;
}

std::vector<std::string> fleets_with_kept_volumes() {
  const auto fleets = fleet_names();
  std::vector<std::string> names;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(fleets_folder() / ".volumes", problem)) {
    const std::string name = entry.path().filename();
    if (name[0] != '.' && !std::binary_search(fleets.begin(), fleets.end(), name) &&
        !volumes_of(locate(name)).empty())
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

fleet::Status kept_status(const std::string& name) {
  fleet::Status status;
  status.name = name;
  status.mode = "down";
  status.settled = true;
  status.volumes = volumes_of(locate(name));
  return status;
}

void remove_volumes(const Place& place) {
  std::error_code problem;
  // They disappear at once; what comes after may be interrupted.
  const fs::path away = place.volumes().parent_path() / fmt::format(".{}.{}", place.name, ::getpid());
  fs::rename(place.volumes(), away, problem);
  fs::remove_all(away, problem);
  fs::remove(place.volumes().parent_path(), problem);  // when no other fleet has any
}

bool remove_kept_volumes(const std::string& name) {
  const auto kept = fleets_with_kept_volumes();
  if (!std::binary_search(kept.begin(), kept.end(), name))
    return false;
  const Place place = make_place(name);
  const SupervisorLock lock(place);
  if (!lock.held() || fs::exists(place.state()))
    throw support::failure(fmt::format("the fleet '{}' is just being started", name));
  remove_volumes(place);
  remove_place(place);
  return true;
}

}  // namespace vmfleet::supervisor
