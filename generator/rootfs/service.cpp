#include "rootfs/service.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/process.hpp"

namespace vmimage::rootfs {

namespace {

/// A word of a unit file's command line (systemd.syntax(7), systemd.service(5) "COMMAND LINES").
std::string unit_word(const std::string& word) {
  std::string quoted;
  for (const char c : word) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    if (c == '%' || c == '$')
      quoted += c;  // doubled: neither a specifier nor a variable
    quoted += c;
  }
  const bool plain = !word.empty() && word.find_first_of(" \t\"'\\;") == std::string::npos;
  return plain ? quoted : "\"" + quoted + "\"";
}

/// The value of Environment=, where a dollar sign has no meaning.
std::string unit_assignment(const std::string& key, const std::string& value) {
  std::string quoted;
  for (const char c : value) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    if (c == '%')
      quoted += c;
    quoted += c;
  }
  return fmt::format("\"{}={}\"", key, quoted);
}

bool wants_low_port(const recipe::Recipe& recipe) {
  return std::any_of(recipe.ports.begin(), recipe.ports.end(),
                     [](const auto& port) { return port.number < 1024; });
}

std::vector<std::string> command_line(const recipe::Recipe& recipe, const std::string& program) {
  std::vector<std::string> argv = recipe.command;
  argv.at(0) = program;
  return argv;
}

}  // namespace

std::string state_folder(const recipe::Recipe& recipe) {
  return "/var/lib/" + recipe.service;
}

std::string systemd_unit(const recipe::Recipe& recipe, const std::string& program) {
  std::string command, environment;
  for (const auto& word : command_line(recipe, program))
    command += (command.empty() ? "" : " ") + unit_word(word);
  for (const auto& [key, value] : recipe.environment)
    environment += "Environment=" + unit_assignment(key, value) + "\n";
  const std::string capability = wants_low_port(recipe) ? "CAP_NET_BIND_SERVICE" : "";
  return fmt::format(
      R"([Unit]
Description={name} {version}
# It starts as soon as there are file systems and settings, beside the rest of the system. The network is not waited
# for: a server binds to any address, and comes up while the lease is fetched.
DefaultDependencies=no
Wants=vmimage-settings.service
After=local-fs.target systemd-journald.socket systemd-sysctl.service systemd-tmpfiles-setup.service
After=vmimage-settings.service
Conflicts=shutdown.target
Before=shutdown.target
StartLimitIntervalSec=0

[Service]
ExecStart={command}
User={user}
WorkingDirectory={state}
Environment="HOME={state}"
{environment}EnvironmentFile=-/run/vmimage/environment.systemd
StateDirectory={service}
Restart=on-failure
RestartSec=1
StandardOutput=journal+console
StandardError=journal+console
SyslogIdentifier={service}
CapabilityBoundingSet={capability}
AmbientCapabilities={capability}
LockPersonality=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
)",
      fmt::arg("name", recipe.name), fmt::arg("version", recipe.version), fmt::arg("command", command),
      fmt::arg("user", recipe.user), fmt::arg("state", state_folder(recipe)),
      fmt::arg("environment", environment), fmt::arg("service", recipe.service),
      fmt::arg("capability", capability));
}

std::string busybox_script(const recipe::Recipe& recipe, const std::string& program) {
  std::string exports;
  for (const auto& [key, value] : recipe.environment)
    exports += "export " + support::quote({key + "=" + value}) + "\n";
  const std::string start = "exec " + support::quote(command_line(recipe, program));
  return fmt::format(
      R"(#!/bin/sh
# Starts the service; init runs this again whenever it ends.
exec >/dev/console 2>&1
{exports}if [ -r /run/vmimage/environment ]; then
  while IFS= read -r setting; do
    [ -n "$setting" ] && export "$setting"
  done </run/vmimage/environment
fi
export STATE_DIRECTORY={state} PATH=/usr/local/bin:/usr/bin:/usr/sbin
cd {state} || exit 1
if [ -e /run/vmimage/started ]; then sleep 1; fi
: >/run/vmimage/started
exec setpriv --nnp su -s /bin/sh {user} -c {start}
)",
      fmt::arg("exports", exports), fmt::arg("state", support::quote({state_folder(recipe)})),
      fmt::arg("user", recipe.user), fmt::arg("start", support::quote({start})));
}

void add_service(Tree& tree, const recipe::Recipe& recipe, const std::string& init,
                 const std::string& program) {
  using filesystem::NodeType;
  tree[state_folder(recipe)] = {
      .type = NodeType::Directory, .mode = 0750, .owner = recipe.user, .source = {}, .content = {}};
  const auto text = [](std::uint32_t mode, const std::string& content) {
    return Node{.type = NodeType::File, .mode = mode, .owner = {}, .source = {}, .content = content};
  };
  if (init == "busybox") {
    tree["/usr/lib/vmimage/service"] = text(0755, busybox_script(recipe, program));
    return;
  }
  const std::string unit = "/etc/systemd/system/" + recipe.service + ".service";
  tree[unit] = text(0644, systemd_unit(recipe, program));
  tree["/etc/systemd/system/multi-user.target.wants/" + recipe.service + ".service"] = {
      .type = NodeType::Symlink, .mode = 0777, .owner = {}, .source = {}, .content = unit};
}

}  // namespace vmimage::rootfs
