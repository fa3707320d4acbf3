#include "supervisor/logs.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::supervisor {

namespace support = vmimage::support;

fs::path older_log(const fs::path& log) {
  return log.string() + ".1";
}

void bound_log(const fs::path& log) {
  std::error_code problem;
  const auto size = fs::file_size(log, problem);
  if (problem || size <= kLargestLog)
    return;
  // A machine that floods its console may have written more than that since the last look, while nobody
  // looked after the fleet: its end is what tells most.
  std::string text = support::read_file(log);
  if (text.size() > kLargestLog)
    text.erase(0, text.size() - kLargestLog);
  try {
    support::write_file_atomic(older_log(log), text, 0600, support::Sync::No);
  } catch (const support::Error&) {
    // The disk is full. Then room is worth more.
  }
  fs::resize_file(log, 0, problem);
}

namespace {

std::string part_of(const fs::path& file, std::streamoff from) {
  std::ifstream stream(file, std::ios::binary);
  stream.seekg(from);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

std::string LogReader::read() {
  std::error_code problem;
  const auto size = fs::file_size(log_, problem);
  std::string text;
  if (at_ < 0 || (!problem && static_cast<std::streamoff>(size) < at_))  // it has become the older one
    text = part_of(older_log(log_), std::max<std::streamoff>(std::exchange(at_, 0), 0));
  const std::string present = part_of(log_, at_);
  at_ += static_cast<std::streamoff>(present.size());
  return text + present;
}

std::string read_log(const fs::path& log) {
  std::string text;
  std::error_code problem;
  for (const auto& part : {older_log(log), log})
    if (fs::exists(part, problem))
      text += support::read_file(part);
  return text;
}

std::vector<std::string> logged(const fs::path& folder) {
  std::vector<std::string> ids;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder, problem))
    if (entry.path().extension() == ".log")
      ids.push_back(entry.path().stem());
  std::sort(ids.begin(), ids.end(), [](const std::string& a, const std::string& b) {
    return std::pair(a.size(), a) < std::pair(b.size(), b);
  });
  return ids;
}

void remove_log(const fs::path& log) {
  std::error_code ignored;
  fs::remove(log, ignored);
  fs::remove(older_log(log), ignored);
}

}  // namespace vmfleet::supervisor
