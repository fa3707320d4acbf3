#include "supervisor/client.hpp"

#include <fmt/format.h>

#include <thread>

#include "driver/local/process.hpp"
#include "supervisor/damage.hpp"
#include "supervisor/socket.hpp"
#include "supervisor/state.hpp"
#include "supervisor/volumes.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"
#include "support/text.hpp"

namespace vmfleet::supervisor {

namespace support = vmimage::support;
using Clock = std::chrono::steady_clock;
using support::json;

namespace {

constexpr auto kAnswerLimit = std::chrono::minutes(2);  // an image may have to be copied
constexpr auto kStartLimit = std::chrono::seconds(30);
constexpr auto kStartAgain = std::chrono::seconds(3);

std::string last_line(const fs::path& file) {
  std::error_code problem;
  return fs::exists(file, problem) ? support::last_line(support::read_file(file)) : "";
}

}  // namespace

void Client::start_supervisor() {
  read_state(place_);  // says what is wrong with it
  if (missing_ == Missing::Make)
    make_place(place_.name);
  try {
    support::start_detached({fs::read_symlink("/proc/self/exe"), "supervise", place_.name},
                            place_.root / "supervisor.log");
  } catch (const std::system_error&) {
    // The folder for its log has just been removed.
  }
}

/// A supervisor that is just ending may take a connection and not answer: then it is the next one's.
std::string Client::ask(const std::string& question) {
  const auto until = Clock::now() + kStartLimit;
  auto started = Clock::time_point::min();
  const fs::path log = place_.root / "supervisor.log";
  while (true) {
    place_ = locate(place_.name);
    if (missing_ == Missing::Refuse && !fs::exists(place_.root))
      throw support::invalid(fmt::format("there is no fleet '{}'", place_.name));
    try {
      const std::string answer = exchange(place_.control(), question, kAnswerLimit);
      if (!answer.empty())
        return answer;
    } catch (const support::Error&) {
      // none there
    }
    if (Clock::now() > until)
      throw support::failure(
          fmt::format("failed to reach the supervisor of '{}': {}", place_.name, last_line(log)),
          "its log is " + log.string());
    if (started == Clock::time_point::min() || Clock::now() - started > kStartAgain) {
      start_supervisor();
      started = Clock::now();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
}

json Client::order(const json& order) {
  const json answer = support::parse_json(ask(order.dump() + "\n"), "supervisor");
  supervisor_ = driver::identify(answer.at("pid"));
  if (answer.at("ok").get<bool>())
    return answer;
  throw support::Error(static_cast<support::ErrorKind>(answer.at("exit_status").get<int>()),
                       answer.at("message").get<std::string>(), answer.at("hint").get<std::string>());
}

fleet::Status Client::status() {
  return fleet::parse_status(order({{"command", "status"}}).at("status"));
}

/// Until the supervisor that answered last has ended.
void Client::wait_for_supervisor(Clock::time_point until) const {
  while (supervisor_ && driver::is_alive(*supervisor_)) {
    if (Clock::now() > until)
      throw support::failure(fmt::format("failed to end the fleet '{}' in time", place_.name),
                             "it goes on in the background; 'vmfleet status' shows how far it is");
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
}

void Client::end(const std::string& command, Volumes volumes, std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  const auto done = [&] {
    return !fs::exists(place_.state()) || (command == "stop" && stopped_status(place_)) ||
           (command == "halt" && read_state(place_).instances.empty());
  };
  missing_ = Missing::Refuse;
  // A supervisor that ends before it is done has been killed: the order goes to the next one.
  do {
    try {
      order({{"command", command}, {"volumes", volumes == Volumes::Remove}});
    } catch (const support::Error&) {
      if (fs::exists(place_.root))
        throw;  // else it is gone already, which is what was asked for
    }
    wait_for_supervisor(until);
  } while (!done());
}

std::optional<fleet::Status> stopped_status(const Place& place) {
  FleetState state;
  try {
    state = read_state(place);
  } catch (const support::Error&) {
    return std::nullopt;  // a supervisor that runs knows it all the same
  }
  if (state.mode != Mode::Stopped || !state.instances.empty() || !state.current)
    return std::nullopt;
  fleet::Status status;
  status.name = place.name;
  status.driver = state.current->spec.driver;
  status.image = state.current->spec.image;
  status.mode = to_string(state.mode);
  status.settled = true;
  status.gone = state.gone;
  status.volumes = volumes_of(place);
  return status;
}

}  // namespace vmfleet::supervisor
