#include "command/change.hpp"

#include <fmt/format.h>

#include "command/memory.hpp"
#include "fleet/rules.hpp"
#include "machine/accelerator.hpp"
#include "supervisor/damage.hpp"
#include "supervisor/secrets.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::command {

namespace fs = std::filesystem;
namespace support = vmimage::support;
using supervisor::Client;

namespace {

/// Nothing is left that was not there before. A fleet that has gone back by itself stays as it is.
void take_back(Client& client, bool existed, const support::json& answer) {
  if (!existed) {
    client.end("down");
    return;
  }
  const int number = fleet::parse_status(answer.at("status")).rollout.number;
  if (answer.at("changed").get<bool>() && client.status().rollout.number == number)
    client.order({{"command", "undo"}});
  if (answer.at("was_stopped").get<bool>())
    client.end("stop");
}

support::json apply_order(const Wanted& wanted) {
  support::json order{{"command", "apply"},
                      {"spec", support::json::parse(fleet::to_json(wanted.spec))},
                      {"manifest", vmimage::recipe::to_json(wanted.manifest)}};
  if (wanted.rollout)
    order["rollout"] = fleet::to_json(*wanted.rollout);
  return order;
}

}  // namespace

std::optional<fleet::Spec> present_spec(const std::string& name) {
  const auto state = supervisor::read_state(supervisor::locate(name));
  return state.current ? std::optional(state.current->spec) : std::nullopt;
}

void print_address(const fleet::Status& status) {
  fmt::print("{}\n", status.endpoint.empty() ? status.name : status.endpoint);
}

fleet::Status change_fleet(const Wanted& wanted, const std::optional<std::chrono::seconds>& timeout) {
  // What cannot be is refused before anything starts.
  require_memory(wanted.spec, wanted.manifest.size);
  supervisor::read_secrets(wanted.spec.secrets);
  const auto acceleration = vmimage::machine::probe_acceleration();
  if (acceleration.kind == vmimage::machine::Accelerator::Tcg)
    fmt::print(stderr, "vmfleet: without KVM, so slower: {}\n", acceleration.reason);
  const bool existed = present_spec(wanted.spec.name).has_value();
  Client client(supervisor::locate(wanted.spec.name), Client::Missing::Make);
  support::json answer;
  try {
    answer = client.order(apply_order(wanted));
    return wait_until_settled(client, timeout, fleet::parse_status(answer.at("status")).rollout.number);
  } catch (const support::Error& error) {
    const std::exception_ptr cause = std::current_exception();
    if (error.kind() == support::ErrorKind::Interrupted)
      fmt::print(stderr, "vmfleet: interrupted; taking it back\n");
    try {
      if (!existed || !answer.is_null())  // else the order was refused, or not heard
        take_back(client, existed, answer);
    } catch (const support::Error& problem) {
      fmt::print(stderr, "vmfleet: {}\n", problem.what());
    }
    std::rethrow_exception(cause);
  }
}

}  // namespace vmfleet::command
