#pragma once
// Units of systemd on this machine: written, enabled, started.

#include "service/unit.hpp"

namespace vmfleet::service {

/// Where the unit of a fleet is, or would be.
fs::path unit_file(Manager manager, const std::string& fleet);

/// Writes and enables it, and starts it where systemd runs.
void install(const Unit& unit);
/// The opposite; what it looked after goes on. Says whether there was one.
bool uninstall(Manager manager, const std::string& fleet);

/// Whether systemd runs this machine (sd_booted(3)).
bool is_running();
/// Whether it is shutting the machine down, or ends a user's services.
bool is_shutting_down(Manager manager);

/// Whether this user's services run without the user being logged in (loginctl(1), enable-linger).
bool lingers();

}  // namespace vmfleet::service
