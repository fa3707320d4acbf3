#include "rootfs/service.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/process.hpp"

namespace vmimage::rootfs {

namespace {

/// Inside double quotes of a unit file (systemd.syntax(7), "QUOTING"); `doubled` are characters with a
/// meaning of their own there, which they lose when there are two. A carriage return would end the line.
std::string unit_text(const std::string& text, const std::string& doubled) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\')
      escaped += '\\';
    if (doubled.find(c) != std::string::npos)
      escaped += c;
    if (c == '\r')
      escaped += "\\r";
    else
      escaped += c;
  }
  return escaped;
}

std::string unit_quoted(const std::string& text, const std::string& doubled) {
  const bool plain = !text.empty() && text.find_first_of(" \t\r\"'\\;") == std::string::npos;
  return plain ? unit_text(text, doubled) : "\"" + unit_text(text, doubled) + "\"";
}

/// ExecStart= (systemd.service(5), "COMMAND LINES"): '%' starts a specifier everywhere, '$' a variable in all
/// words but the first.
std::string unit_command(const std::vector<std::string>& argv) {
  std::string line = unit_quoted(argv.at(0), "%");
  for (std::size_t i = 1; i < argv.size(); ++i)
    line += " " + unit_quoted(argv[i], "%$");
  return line;
}

/// Description=, which is not quoted: a backslash at its end would join the next line.
std::string unit_description(const recipe::Recipe& recipe) {
  std::string text;
  for (const char c : recipe.name + " " + recipe.version)
    text += c == '%' ? "%%" : std::string(1, c == '\\' ? '/' : c);
  return text;
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

std::string working_directory(const recipe::Recipe& recipe) {
  return recipe.working_directory.value_or(state_folder(recipe));
}

// Without ProtectHostname=: it would get a UTS namespace, and keep the host name that it had at its start; an
// instance that is resumed from a snapshot gets its own later.
std::string systemd_unit(const recipe::Recipe& recipe, const std::string& program) {
  std::string environment;
  for (const auto& [key, value] : recipe.environment)
    environment += fmt::format("Environment=\"{}={}\"\n", key, unit_text(value, "%"));
  std::string writable;
  for (const auto& volume : recipe.volumes)
    writable += "ReadWritePaths=" + volume.path + "\n";
  const std::string capability = wants_low_port(recipe) ? "CAP_NET_BIND_SERVICE" : "";
  return fmt::format(
      R"([Unit]
Description={description}
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
WorkingDirectory={directory}
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
{writable}
[Install]
WantedBy=multi-user.target
)",
      fmt::arg("description", unit_description(recipe)),
      fmt::arg("command", unit_command(command_line(recipe, program))), fmt::arg("user", recipe.user),
      fmt::arg("state", state_folder(recipe)), fmt::arg("directory", working_directory(recipe)),
      fmt::arg("environment", environment), fmt::arg("service", recipe.service),
      fmt::arg("capability", capability), fmt::arg("writable", writable));
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
chown {user} /dev/console 2>/dev/null  # so that it may open /dev/stderr
{exports}if [ -r /run/vmimage/environment ]; then
  while IFS= read -r setting || [ -n "$setting" ]; do
    [ -n "$setting" ] && export "$setting"
  done </run/vmimage/environment
fi
if [ -d /run/vmimage/secrets ]; then  # as systemd's credentials: systemd.exec(5), "CREDENTIALS"
  export CREDENTIALS_DIRECTORY=/run/credentials/{unit}
  (
    umask 077
    rm -rf "$CREDENTIALS_DIRECTORY"
    mkdir -p "$CREDENTIALS_DIRECTORY"
    chmod 755 /run/credentials
    cp /run/vmimage/secrets/* "$CREDENTIALS_DIRECTORY"
    chmod 400 "$CREDENTIALS_DIRECTORY"/*
    chmod 500 "$CREDENTIALS_DIRECTORY"
    chown -R {user} "$CREDENTIALS_DIRECTORY"
  )
fi
export STATE_DIRECTORY={state} PATH=/usr/local/bin:/usr/bin:/usr/sbin
cd {directory} || exit 1
ulimit -H -n 524288 2>/dev/null  # as systemd has it: a service may raise its own limit so far
if [ -e /run/vmimage/started ]; then sleep 1; fi
: >/run/vmimage/started
exec setpriv --nnp su -s /bin/sh {user} -c {start}
)",
      fmt::arg("exports", exports), fmt::arg("state", support::quote({state_folder(recipe)})),
      fmt::arg("directory", support::quote({working_directory(recipe)})),
      fmt::arg("unit", support::quote({recipe.service + ".service"})), fmt::arg("user", recipe.user),
      fmt::arg("start", support::quote({start})));
}

void add_service(Tree& tree, const recipe::Recipe& recipe, const std::string& init,
                 const std::string& program) {
  using filesystem::NodeType;
  tree[state_folder(recipe)] = {
      .type = NodeType::Directory, .mode = 0750, .owner = recipe.user, .source = {}, .content = {}};
  if (init == "busybox") {
    tree["/usr/lib/vmimage/service"] = text_node(0755, busybox_script(recipe, program));
    return;
  }
  const std::string unit = "/etc/systemd/system/" + recipe.service + ".service";
  tree[unit] = text_node(0644, systemd_unit(recipe, program));
  tree["/etc/systemd/system/multi-user.target.wants/" + recipe.service + ".service"] = link_node(unit);
}

}  // namespace vmimage::rootfs
