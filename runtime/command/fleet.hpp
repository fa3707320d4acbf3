#pragma once
// What the verbs share: which fleet is meant, and waiting until it is what it shall be.

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "command/command.hpp"
#include "fleet/status.hpp"
#include "supervisor/client.hpp"

namespace vmfleet::command {

constexpr int kDefaultTimeout = 300;  ///< seconds

/// The fleet named; with no name, the only one that there is. Throws Error{Usage}.
supervisor::Place choose_fleet(const std::string& name);

/// An instance of a fleet, by "[FLEET] INSTANCE". Throws Error{Usage}, with the nearest name as hint, when
/// there is none.
struct ChosenInstance {
  supervisor::Place place;
  fleet::InstanceStatus status;
};
ChosenInstance choose_instance(const std::vector<std::string>& words);
/// Adds these words, required.
CLI::Option* add_instance_argument(CLI::App& command, std::vector<std::string>& words);

/// Adds the optional positional FLEET.
CLI::Option* add_fleet_argument(CLI::App& command, std::string& name);
CLI::Option* add_timeout_option(CLI::App& command, int& seconds);

/// Waits until the fleet is settled, and says on standard error how far it is. Throws Error{Failure} with the
/// end of an instance's log when that takes longer, or its instances fail again and again, and with the
/// reason when rollout `number` was gone back from; Error{Interrupted} on Ctrl-C.
fleet::Status wait_until_settled(supervisor::Client& client,
                                 const std::optional<std::chrono::seconds>& timeout, int number);
/// Gives the order, and waits for what follows from it.
void order_and_settle(supervisor::Client& client, const vmimage::support::json& order,
                      const std::optional<std::chrono::seconds>& timeout);

/// Throws Error{Failure} that says that a stopped fleet does not have what was asked for.
void require_running(const supervisor::Place& place);

}  // namespace vmfleet::command
