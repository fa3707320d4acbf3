#include "supervisor/damage.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <thread>

#include "driver/local/cgroup.hpp"
#include "driver/local/process.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/json.hpp"

namespace vmfleet::supervisor {

namespace support = vmimage::support;
using support::json;

namespace {

constexpr auto kEndLimit = std::chrono::seconds(10);

bool is_from_newer(const std::string& text) {
  const json document = json::parse(text, nullptr, false);
  const auto version = document.is_object() ? document.find("version") : document.end();
  return document.is_object() && version != document.end() && version->is_number_integer() &&
         version->get<std::int64_t>() > kStateVersion;
}

bool is_damaged(const Place& place) {
  try {
    read_state(place);
    return false;
  } catch (const support::Error&) {
    return !is_from_newer(support::read_file(place.state()));
  }
}

/// The processes of a fleet are known by files of it that they were started with.
void end_all_with(const fs::path& file) {
  const auto until = std::chrono::steady_clock::now() + kEndLimit;
  while (const auto process = driver::find_by_argument(file)) {
    driver::send_signal(*process, SIGKILL);
    if (std::chrono::steady_clock::now() > until)
      throw support::failure(
          fmt::format("failed to end the process {} of '{}'", process->pid, file.string()));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace

FleetState read_state(const Place& place) {
  if (!fs::exists(place.state()))
    return {};
  const std::string text = support::read_file(place.state());
  try {
    return parse_state(text, place.state().string());
  } catch (const support::Error& error) {
    if (is_from_newer(text))
      throw;
    throw support::failure(
        fmt::format("failed to read the state of '{}': {}", place.name, error.what()),
        fmt::format("'vmfleet down {}' ends what still runs of it and removes it", place.name));
  }
}

bool remove_damaged(const Place& place) {
  const SupervisorLock lock(place);
  if (!lock.held() || !is_damaged(place))
    return false;
  end_all_with(place.root / "haproxy.cfg");
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(place.root / "instances", none))
    if (entry.is_directory()) {
      end_all_with(entry.path() / "pid");
      driver::release(entry.path());
    }
  remove_place(place);
  return true;
}

}  // namespace vmfleet::supervisor
