#pragma once
// A fleet's supervisor as a service of systemd, as text (systemd.unit(5), systemd.service(5)). Pure.

#include <filesystem>
#include <map>
#include <string>

namespace vmfleet::service {

namespace fs = std::filesystem;

/// Whose services: those of a user, or those of the machine.
enum class Manager { User, System };

struct Unit {
  std::string fleet = {};
  Manager manager = Manager::User;
  fs::path program = {};  ///< vmfleet
  fs::path state = {};    ///< the fleet's; without it there is nothing to look after
  std::map<std::string, std::string> environment = {};  ///< where the fleet is found again
};

std::string unit_name(const std::string& fleet);  ///< "vmfleet-<fleet>.service"
std::string to_text(const Unit& unit);

}  // namespace vmfleet::service
