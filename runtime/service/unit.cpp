#include "service/unit.hpp"

#include <fmt/format.h>

namespace vmfleet::service {

namespace {

/// "%" begins a specifier in every value.
std::string plain(const std::string& text) {
  std::string escaped;
  for (const char c : text)
    escaped += c == '%' ? std::string("%%") : std::string(1, c);
  return escaped;
}

/// One word, whatever is in it (systemd.syntax(7), "Quoting").
std::string word(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : plain(text)) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    quoted += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return quoted + "\"";
}

/// The same in a command line, where "$" begins a variable.
std::string argument(const std::string& text) {
  std::string escaped;
  for (const char c : word(text))
    escaped += c == '$' ? std::string("$$") : std::string(1, c);
  return escaped;
}

}  // namespace

std::string unit_name(const std::string& fleet) {
  return fmt::format("vmfleet-{}.service", fleet);
}

std::string to_text(const Unit& unit) {
  const bool system = unit.manager == Manager::System;
  std::string text = fmt::format(
      "# Written by 'vmfleet install'; 'vmfleet uninstall' removes it.\n"
      "[Unit]\n"
      "Description={}, a fleet of virtual machines\n"
      "Documentation=man:vmfleet(1)\n"
      "ConditionPathExists={}\n"
      "StartLimitIntervalSec=0\n",
      plain(unit.fleet), plain(unit.state.string()));
  if (system)
    text += "Wants=network-online.target\nAfter=network-online.target\n";
  text += "\n[Service]\n";
  for (const auto& [name, value] : unit.environment)
    text += fmt::format("Environment={}\n", word(name + "=" + value));
  const std::string program = argument(unit.program.string());
  text += fmt::format(
      "ExecStart={0} supervise --replace {1}\n"
      "# At shutdown the machines are powered off; else they and the balancer outlive the supervisor.\n"
      "ExecStop={0} supervise --at-shutdown={2} {1}\n"
      "KillMode=process\n"
      "TimeoutStopSec=120\n"
      "Restart=on-failure\n"
      "RestartSec=1\n",
      program, argument(unit.fleet), system ? "system" : "user");
  text += fmt::format("\n[Install]\nWantedBy={}\n", system ? "multi-user.target" : "default.target");
  return text;
}

}  // namespace vmfleet::service
