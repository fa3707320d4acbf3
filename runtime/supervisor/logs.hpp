#pragma once
// The logs of instances: what a machine writes to its console is bounded.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "driver/driver.hpp"

namespace vmfleet::supervisor {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestLog = 4 << 20;  ///< then it becomes the older one of two

/// Where the older part of a log is.
fs::path older_log(const fs::path& log);

/// Makes what there is of a log that has become too large its older part. Its machine goes on writing at the
/// end of the file, which is then the beginning.
void bound_log(const fs::path& log);

/// Reads what is new in a log since the last time; at first all of it. It may become the older part
/// meanwhile.
class LogReader : public driver::Log {
 public:
  explicit LogReader(fs::path log) : log_(std::move(log)) {}
  std::string read() override;

 private:
  fs::path log_;
  std::streamoff at_ = -1;  ///< of the present part; -1: nothing has been read yet
};

/// Both parts.
std::string read_log(const fs::path& log);
/// The instances that there are logs of in a folder, oldest first ("a-2" before "a-10").
std::vector<std::string> logged(const fs::path& folder);
void remove_log(const fs::path& log);

}  // namespace vmfleet::supervisor
