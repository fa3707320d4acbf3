#include "driver/note.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "supervisor/place.hpp"
#include "support/error.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace support = vmimage::support;
using support::json;

namespace {

fs::path folder_of(const std::string& driver) {
  return supervisor::fleets_folder() / ("." + driver);
}

}  // namespace

Note::Note(const std::string& driver, const std::string& fleet)
    : fleet_(fleet), folder_(folder_of(driver) / fleet) {}

std::vector<std::string> Note::fleets(const std::string& driver) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder_of(driver), none))
    if (const std::string name = entry.path().filename(); Note(driver, name).exists())
      names.push_back(name);
  std::ranges::sort(names);
  return names;
}

bool Note::exists() const {
  return fs::exists(file());
}

json Note::read() const {
  if (!exists())
    throw support::invalid(fmt::format("there is no fleet '{}'", fleet_));
  return json::parse(support::read_file(file()));
}

void Note::write(const json& note) const {
  fs::create_directories(folder_);
  support::write_file_atomic(file(), note.dump() + "\n");
}

support::FileLock Note::lock() const {
  return support::FileLock(lock_file());
}

void Note::remove() const {
  fs::remove_all(folder_);
  fs::remove(lock_file());
  std::error_code kept;
  fs::remove(folder_.parent_path(), kept);  // when it was the last one
}

}  // namespace vmfleet::driver
