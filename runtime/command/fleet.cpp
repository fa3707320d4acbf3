#include "command/fleet.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"
#include "support/progress.hpp"

namespace vmfleet::command {

namespace support = vmimage::support;
using Clock = std::chrono::steady_clock;
using driver::Fleet;

namespace {

constexpr int kQuickFailures = 3;  // in a row, and waiting longer would not help
constexpr std::size_t kTailLines = 20;

/// The end of a log, without what a terminal would not show.
std::string tail(std::string text) {
  std::erase_if(text, [](unsigned char c) { return c < ' ' && c != '\n' && c != '\t'; });
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  std::size_t at = text.size();
  for (std::size_t lines = 0; at > 0 && lines < kTailLines; ++lines)
    at = text.rfind('\n', at - 1) == std::string::npos ? 0 : text.rfind('\n', at - 1);
  return text.substr(at == 0 ? 0 : at + 1);
}

/// The instance whose log tells most: one that failed, else one that does not answer.
const fleet::InstanceStatus* culprit(const fleet::Status& status) {
  const auto with = [&](fleet::State state) {
    return std::find_if(status.instances.begin(), status.instances.end(),
                        [&](const auto& one) { return one.state == state; });
  };
  for (const auto state : {fleet::State::Failed, fleet::State::Unhealthy, fleet::State::Starting})
    if (const auto found = with(state); found != status.instances.end())
      return &*found;
  return nullptr;
}

[[noreturn]] void give_up(Fleet& fleet, const fleet::Status& status, const std::string& when) {
  std::string message = fmt::format("failed to bring up '{}': {} of {} instances healthy {}", status.name,
                                    status.healthy(), status.desired, when);
  if (!status.problem.empty())
    message += "; " + status.problem;
  const auto* one = culprit(status);
  if (!one)
    throw support::failure(message);
  const std::string words = tail(fleet.log(one->id)->read());
  throw support::failure(message, words.empty()
                                      ? fmt::format("the log of {} is empty", one->id)
                                      : fmt::format("the log of {} ends with:\n{}\n", one->id, words));
}

// Between two questions how far it is. What is resumed is there in less than a second.
constexpr std::chrono::milliseconds kSoon{20};
constexpr std::chrono::milliseconds kLater{50};
constexpr std::chrono::seconds kShortly{2};

/// Before this, an instance that does not answer yet is only booting.
constexpr std::chrono::seconds kUsualBoot{30};

std::string summary(const fleet::Status& status, Clock::duration waited) {
  std::string text = fmt::format("{}: {} of {} healthy", status.name, status.healthy(), status.desired);
  const auto outdated = std::count_if(status.instances.begin(), status.instances.end(),
                                      [](const auto& one) { return !one.current; });
  if (outdated)
    text += fmt::format(", {} to be replaced", outdated);
  if (const auto& rollout = status.rollout; rollout.number != 0 && rollout.phase != "done")
    text += fmt::format(" ({}{}: {})", rollout.back ? "back, " : "", rollout.strategy, rollout.phase);
  if (waited > kUsualBoot && !status.problem.empty())
    text += fmt::format(" ({})", status.problem);
  return text;
}

void pause(std::chrono::milliseconds time) {
  pollfd interrupt{support::interrupt_fd(), POLLIN, 0};
  ::poll(&interrupt, 1, static_cast<int>(time.count()));
  support::check_interrupt();
}

support::Error no_such_fleet(const std::string& name, const std::vector<std::string>& names) {
  return support::invalid(fmt::format("there is no fleet '{}'", name),
                          support::did_you_mean(name, names,
                                                names.empty() ? "start one with 'vmfleet up IMAGE'"
                                                              : "'vmfleet list' shows which there are"));
}

}  // namespace

CLI::Option* add_driver_options(CLI::App& command, std::vector<std::string>& options) {
  return command.add_option("--driver-opt", options, "What the driver has to know (repeatable)")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->expected(1);
}

std::map<std::string, std::string> parse_driver_options(const std::vector<std::string>& options) {
  std::map<std::string, std::string> parsed;
  for (const auto& option : options) {
    const auto equals = option.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw support::invalid(fmt::format("'{}' is no option of a driver", option), "give KEY=VALUE");
    parsed[option.substr(0, equals)] = option.substr(equals + 1);
  }
  return parsed;
}

OneFleet choose_fleet(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& driver : driver::drivers())
    for (const auto& one : driver->fleets()) {
      if (one == name)
        return driver->fleet(name);
      names.push_back(one);
    }
  if (!name.empty())
    throw no_such_fleet(name, names);
  if (names.size() == 1)
    return choose_fleet(names[0]);
  if (names.empty())
    throw support::invalid("there is no fleet", "start one with 'vmfleet up IMAGE'");
  throw support::invalid(fmt::format("there are {} fleets: {}", names.size(), fmt::join(names, ", ")),
                         "say which one is meant");
}

OneFleet choose_running_fleet(const std::string& name) {
  auto fleet = choose_fleet(name);
  if (fleet->status().mode == "stopped")
    throw support::failure(fmt::format("the fleet '{}' is stopped", fleet->name()),
                           fmt::format("start it with 'vmfleet start {}'", fleet->name()));
  return fleet;
}

supervisor::Place place_of(Fleet& fleet, const std::string& what) {
  const auto spec = fleet.spec();
  if (spec && driver::find_driver(spec->driver).converges() == driver::Converges::ByItself)
    throw support::invalid(fmt::format("a fleet of the driver '{}' has no {}", spec->driver, what),
                           "it looks after its fleets by itself");
  return supervisor::locate(fleet.name());
}

ChosenInstance choose_instance(const std::vector<std::string>& words) {
  const std::string& id = words.back();
  // An instance's name begins with its fleet's.
  auto fleet = choose_running_fleet(words.size() == 2 ? words.front() : id.substr(0, id.rfind('-')));
  const auto status = fleet->status();
  std::vector<std::string> ids;
  for (const auto& one : status.instances) {
    if (one.id == id)
      return {std::move(fleet), one};
    ids.push_back(one.id);
  }
  const std::string guess = support::nearest(id, ids);
  throw support::invalid(
      fmt::format("the fleet '{}' has no instance '{}'", fleet->name(), id),
      ids.empty() ? "" : "it has " + (guess.empty() ? fmt::format("{}", fmt::join(ids, ", ")) : guess));
}

CLI::Option* add_instance_argument(CLI::App& command, std::vector<std::string>& words) {
  return command.add_option("instance", words, "The fleet (may be left out) and the instance")
      ->required()
      ->expected(1, 2)
      ->type_name("[FLEET] INSTANCE");
}

CLI::Option* add_fleet_argument(CLI::App& command, std::string& name) {
  return command.add_option("fleet", name, "The fleet; may be left out when there is only one")
      ->type_name("FLEET");
}

CLI::Option* add_timeout_option(CLI::App& command, int& seconds) {
  return command.add_option("--timeout", seconds, "How long to wait until it is healthy")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 86400))
      ->default_val(kDefaultTimeout);
}

fleet::Status wait_until_settled(Fleet& fleet, const std::optional<std::chrono::seconds>& timeout,
                                 int number) {
  support::Progress progress(support::Progress::detect());
  const auto start = Clock::now();
  std::string said;
  while (true) {
    support::check_interrupt();
    const fleet::Status status = fleet.status();
    if (status.settled && status.rollout.back && status.rollout.number > number)
      throw support::failure(fmt::format(
          "failed to change '{}'; it is what it was before: {}", status.name,
          status.rollout.reason.empty() ? "asked for by another command" : status.rollout.reason));
    if (status.settled)
      return status;
    if (const std::string now = summary(status, Clock::now() - start); now != said) {
      progress.step(now);
      said = now;
    }
    if (status.quick_failures >= kQuickFailures)
      give_up(fleet, status, fmt::format("after {} attempts", status.quick_failures));
    if (timeout && Clock::now() >= start + *timeout)
      give_up(fleet, status, fmt::format("after {} s", timeout->count()));
    pause(Clock::now() - start < kShortly ? kSoon : kLater);
  }
}

}  // namespace vmfleet::command
