#pragma once
// What this machine knows of a fleet that runs elsewhere: that it is there, and how it is reached. All that
// the fleet is, is kept where it runs.

#include <filesystem>
#include <string>
#include <vector>

#include "support/file.hpp"
#include "support/json.hpp"

namespace vmfleet::driver {

class Note {
 public:
  Note(const std::string& driver, const std::string& fleet);
  /// The fleets that there are notes of, sorted.
  static std::vector<std::string> fleets(const std::string& driver);

  bool exists() const;
  /// Throws Error{Usage} when there is none.
  vmimage::support::json read() const;
  void write(const vmimage::support::json& note) const;
  /// For who changes the fleet, one at a time on this machine.
  vmimage::support::FileLock lock() const;
  void remove() const;
  /// For what a driver keeps of the fleet besides; it goes with the note.
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path file() const { return folder_ / "note.json"; }
  std::filesystem::path lock_file() const { return folder_.string() + ".lock"; }

  std::string fleet_;
  std::filesystem::path folder_;
};

}  // namespace vmfleet::driver
