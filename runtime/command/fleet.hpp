#pragma once
// What the verbs share: which fleet is meant, and waiting until it is what it shall be.

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command/command.hpp"
#include "driver/driver.hpp"
#include "supervisor/place.hpp"

namespace vmfleet::command {

constexpr int kDefaultTimeout = 300;  ///< seconds

using OneFleet = std::unique_ptr<driver::Fleet>;

/// The fleet named; with no name, the only one that there is. Throws Error{Usage}, with the nearest name as
/// hint, when there is none.
OneFleet choose_fleet(const std::string& name);
/// The same, which must run. Throws Error{Failure} when it is stopped.
OneFleet choose_running_fleet(const std::string& name);
/// Where the supervisor of a fleet keeps it. Throws Error{Usage} that says that it has none, and so no
/// `what`.
supervisor::Place place_of(driver::Fleet& fleet, const std::string& what);

/// An instance of a fleet, by "[FLEET] INSTANCE". Throws Error{Usage}, with the nearest name as hint, when
/// there is none.
struct ChosenInstance {
  OneFleet fleet;
  fleet::InstanceStatus status;
};
ChosenInstance choose_instance(const std::vector<std::string>& words);
/// Adds these words, required.
CLI::Option* add_instance_argument(CLI::App& command, std::vector<std::string>& words);

/// Adds the optional positional FLEET.
CLI::Option* add_fleet_argument(CLI::App& command, std::string& name);
CLI::Option* add_timeout_option(CLI::App& command, int& seconds);

CLI::Option* add_driver_options(CLI::App& command, std::vector<std::string>& options);
/// Of --driver-opt KEY=VALUE. Throws Error{Usage}.
std::map<std::string, std::string> parse_driver_options(const std::vector<std::string>& options);

/// Waits until the fleet is settled, and says on standard error how far it is. Throws Error{Failure} with the
/// end of an instance's log when that takes longer, or its instances fail again and again, and with the
/// reason when rollout `number` was gone back from; Error{Interrupted} on Ctrl-C.
fleet::Status wait_until_settled(driver::Fleet& fleet, const std::optional<std::chrono::seconds>& timeout,
                                 int number);

}  // namespace vmfleet::command
