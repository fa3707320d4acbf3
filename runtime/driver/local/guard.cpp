#include "driver/local/guard.hpp"

#include "support/file.hpp"

namespace vmfleet::driver {

std::vector<std::string> guarded(const std::filesystem::path& folder, const std::vector<std::string>& argv) {
  vmimage::support::write_file_atomic(folder / "guard.so", guard_library(), 0644, vmimage::support::Sync::No);
  // Blanks and colons would end a name in LD_PRELOAD, so that is relative.
  std::vector<std::string> words{"env", "--chdir=" + folder.string(), "LD_PRELOAD=./guard.so"};
  words.insert(words.end(), argv.begin(), argv.end());
  return words;
}

}  // namespace vmfleet::driver
