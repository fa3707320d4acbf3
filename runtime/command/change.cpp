#include "command/change.hpp"

#include <fmt/format.h>

#include "support/error.hpp"

namespace vmfleet::command {

namespace support = vmimage::support;
using driver::Change;
using driver::Fleet;

namespace {

/// Nothing is left that was not there before. A fleet that has gone back by itself stays as it is.
void take_back(Fleet& fleet, bool existed, const std::optional<Change>& change) {
  if (!existed)
    return fleet.down(driver::Volumes::Keep);
  if (!change)
    return;  // the order was refused, or not heard
  if (change->changed && fleet.status().rollout.number == change->rollout)
    fleet.undo();
  if (change->was_stopped)
    fleet.stop();
}

}  // namespace

void print_address(const fleet::Status& status) {
  fmt::print("{}\n", status.endpoint.empty() ? status.name : status.endpoint);
}

fleet::Status change_fleet(Fleet& fleet, const driver::Wanted& wanted,
                           const std::optional<std::chrono::seconds>& timeout) {
  fleet.check(wanted);
  const bool existed = fleet.spec().has_value();
  std::optional<Change> change;
  try {
    change = fleet.apply(wanted);
    return wait_until_settled(fleet, timeout, change->rollout);
  } catch (const support::Error& error) {
    const std::exception_ptr cause = std::current_exception();
    if (error.kind() == support::ErrorKind::Interrupted)
      fmt::print(stderr, "vmfleet: interrupted; taking it back\n");
    try {
      take_back(fleet, existed, change);
    } catch (const support::Error& problem) {
      fmt::print(stderr, "vmfleet: {}\n", problem.what());
    }
    std::rethrow_exception(cause);
  }
}

}  // namespace vmfleet::command
