#include "service/manager.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmfleet::service {

namespace support = vmimage::support;

namespace {

/// The XDG Base Directory Specification's $XDG_CONFIG_HOME.
fs::path config_folder() {
  if (const char* value = std::getenv("XDG_CONFIG_HOME"); value && value[0] == '/')
    return value;
  const passwd* user = ::getpwuid(::geteuid());
  const char* home = std::getenv("HOME");
  if (!home && !user)
    throw support::failure("failed to find your home folder", "set HOME");
  return fs::path(home ? home : user->pw_dir) / ".config";
}

fs::path units_folder(Manager manager) {
  return manager == Manager::System ? fs::path("/etc/systemd/system") : config_folder() / "systemd" / "user";
}

/// What 'systemctl enable' makes of [Install].
fs::path link_of(Manager manager, const std::string& fleet) {
  const char* wanted_by = manager == Manager::System ? "multi-user.target.wants" : "default.target.wants";
  return units_folder(manager) / wanted_by / unit_name(fleet);
}

std::vector<std::string> systemctl(Manager manager, const std::vector<std::string>& words) {
  std::vector<std::string> argv{"systemctl"};
  if (manager == Manager::User)
    argv.push_back("--user");
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

}  // namespace

fs::path unit_file(Manager manager, const std::string& fleet) {
  return units_folder(manager) / unit_name(fleet);
}

void install(const Unit& unit) {
  const fs::path file = unit_file(unit.manager, unit.fleet);
  const fs::path link = link_of(unit.manager, unit.fleet);
  fs::create_directories(link.parent_path());
  support::write_file_atomic(file, to_text(unit));
  std::error_code none;
  fs::remove(link, none);
  fs::create_symlink(file, link);
  if (!is_running())
    return;
  support::run_checked({.argv = systemctl(unit.manager, {"daemon-reload"})});
  support::run_checked({.argv = systemctl(unit.manager, {"restart", unit_name(unit.fleet)})});
}

bool uninstall(Manager manager, const std::string& fleet) {
  const fs::path file = unit_file(manager, fleet);
  if (!fs::exists(file))
    return false;
  if (is_running())
    support::run_checked({.argv = systemctl(manager, {"stop", unit_name(fleet)})});
  fs::remove(link_of(manager, fleet));
  fs::remove(file);
  if (is_running())
    support::run_checked({.argv = systemctl(manager, {"daemon-reload"})});
  return true;
}

bool is_running() {
  return fs::exists("/run/systemd/system");
}

bool is_shutting_down(Manager manager) {
  return support::run({.argv = systemctl(manager, {"is-system-running"})}).out.starts_with("stopping");
}

bool lingers() {
  const passwd* user = ::getpwuid(::geteuid());
  return user && fs::exists(fs::path("/var/lib/systemd/linger") / user->pw_name);
}

}  // namespace vmfleet::service
