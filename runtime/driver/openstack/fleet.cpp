#include "driver/openstack/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <thread>

#include "driver/openstack/template.hpp"
#include "driver/user_data.hpp"
#include "publish/prepare.hpp"
#include "publish/registry.hpp"
#include "supervisor/secrets.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"
#include "support/process.hpp"
#include "support/progress.hpp"

namespace vmfleet::driver::openstack {

namespace fs = std::filesystem;
namespace support = vmimage::support;

namespace {

constexpr std::chrono::seconds kSilence{90};

/// The image's identifier in Glance, where it is put unless it is there.
std::string publish_image(const Options& options, const fs::path& image, const support::Report& report) {
  return vmimage::publish::publish_image(*vmimage::publish::open_registry("openstack", {options.cloud}),
                                         image, report);
}

std::vector<std::uint16_t> tcp_ports(const vmimage::recipe::Manifest& manifest) {
  std::vector<std::uint16_t> ports;
  for (const auto& port : manifest.ports)
    if (port.protocol == vmimage::recipe::Protocol::Tcp)
      ports.push_back(port.number);
  return ports;
}

}  // namespace

fleet::Milliseconds now() {
  return std::chrono::duration_cast<fleet::Milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

Cloud& OpenstackFleet::cloud() {
  if (!cloud_)
    cloud_.emplace(note_.read().value("cloud", ""));
  return *cloud_;
}

Stack OpenstackFleet::require() {
  if (auto stack = find())
    return *stack;
  throw support::failure(fmt::format("the stack '{}' of the fleet is gone", stack_name_),
                         fmt::format("'vmfleet down {}' forgets it", name_));
}

void OpenstackFleet::remember(const Options& options) {
  note_.write({{"cloud", options.cloud}});
}

void OpenstackFleet::check(const Wanted& wanted) {
  const Options options = read_options(wanted.spec.driver_options);
  if (!wanted.spec.secrets.empty() && !options.secrets)
    throw support::invalid(
        "secrets would lie on the servers' config drives, which members of the project can read",
        "if that is well: --driver-opt secrets=config-drive");
  if (!wanted.spec.network.bridge.empty())
    throw support::invalid("a bridge is for the driver 'local'",
                           "here, the network is --driver-opt network=NAME");
  if (!wanted.manifest.volumes.empty())
    throw support::invalid("the driver 'openstack' has no volumes yet, and the image asks for some");
  if (tcp_ports(wanted.manifest).empty())
    throw support::invalid("the image has no TCP port that a balancer could lead to");
  supervisor::read_secrets(wanted.spec.secrets);
  if (!cloud_)
    cloud_.emplace(options.cloud);
  const auto size = fleet::instance_size(wanted.spec, wanted.manifest.size);
  cloud_->flavor(options.flavor, {size.cpus, size.memory, wanted.manifest.disk});
  cloud_->flavor(options.balancer_flavor, {1, kFrontMemory, kFrontDisk});
  cloud_->network(options.network);
}

OpenstackFleet::Made OpenstackFleet::make(const Wanted& wanted) {
  const Options options = read_options(wanted.spec.driver_options);
  support::Progress progress(support::Progress::detect());
  const auto size = fleet::instance_size(wanted.spec, wanted.manifest.size);
  Made made{
      .image = publish_image(options, wanted.spec.image, progress.report()),
      .flavor = cloud_->flavor(options.flavor, {size.cpus, size.memory, wanted.manifest.disk}),
      .user_data = make_user_data(wanted.spec.environment, supervisor::read_secrets(wanted.spec.secrets)),
      .generation = {}};
  made.generation = support::Digest().add(wanted.manifest.digest).add(made.flavor).add(made.user_data).hex();
  return made;
}

Change OpenstackFleet::apply(const Wanted& wanted) {
  check(wanted);
  const auto alone = note_.lock();
  const auto made = make(wanted);
  const auto stack = cloud_->find(stack_name_);
  remember(read_options(wanted.spec.driver_options));
  last_.reset();
  return stack ? change(*stack, wanted, made) : create(wanted, made);
}

Change OpenstackFleet::create(const Wanted& wanted, const Made& made) {
  const Options options = read_options(wanted.spec.driver_options);
  support::Progress progress(support::Progress::detect());
  const support::TempDir folder;
  const auto image = make_front_image(folder.path(), progress.report());
  const auto front = publish_image(options, image, progress.report());
  const auto ports = tcp_ports(wanted.manifest);
  const std::string key = make_key();

  Record record{.spec = wanted.spec, .groups = {}, .rollout = {}, .port = ports.front()};
  record.checked = wanted.manifest.health.type != vmimage::recipe::HealthType::None;
  const Group group{made.generation, wanted.spec.image, "1", wanted.spec};
  record.groups = {{"a", group}, {"b", {"", wanted.spec.image, "1", wanted.spec}}};
  std::map<std::string, std::string> parameters{
      {"network", cloud_->network(options.network)},
      {"balancer_image", front},
      {"balancer_flavor", cloud_->flavor(options.balancer_flavor, {1, kFrontMemory, kFrontDisk})},
      {"balancer_settings",
       make_user_data({}, {{"haproxy.cfg", front_config(wanted.spec, wanted.manifest)}, {"key.pem", key}})},
      {"key", key},
      {"settings_1", made.user_data},
      {"settings_2", make_user_data({}, {})},
      {"a_image", made.image},
      {"b_image", made.image},
      {"a_flavor", made.flavor},
      {"b_flavor", made.flavor},
      {"a_settings", "1"},
      {"b_settings", "1"},
      {"a_count", std::to_string(wanted.spec.count)},
      {"b_count", "0"},
      {"ports", json(ports).dump()}};
  record.told = parameters_of_groups(parameters);
  parameters["fleet"] = to_json(record);
  cloud_->create(
      stack_name_,
      make_template({name_, ports, wanted.spec.port ? wanted.spec.port : ports.front(), kControlPort}),
      parameters);
  return {true, false, 0};
}

Change OpenstackFleet::change(const Stack& stack, const Wanted& wanted, const Made& made) {
  Record record = record_of(stack);
  if (json(tcp_ports(wanted.manifest)).dump() != stack.parameters.at("ports") ||
      wanted.spec.port != record.spec.port)
    throw support::invalid("the ports of a fleet in OpenStack cannot be changed",
                           fmt::format("'vmfleet down {}' first, or give another name", name_));
  const bool was_stopped = record.stopped;
  const bool same = record.groups.at(record.current).generation == made.generation;
  if (same && wanted.spec == record.spec && !was_stopped && drift(record, stack.parameters).empty())
    return {false, false, record.rollout.number};
  record.stopped = false;
  if (same) {
    record.spec = wanted.spec;
    tell(stack, record);
    return {true, was_stopped, record.rollout.number};
  }
  if (fleet::under_way(record.rollout))
    throw support::invalid(fmt::format("a change of '{}' is under way", name_),
                           fmt::format("wait until it is done, or 'vmfleet rollback {}'", name_));
  // Servers that were kept to go back to make room.
  if (stack.parameters.at(record.other() + "_count") != "0")
    tell(stack, record, {{record.other() + "_count", "0"}});
  const Stack idle = wait_until_idle();
  const std::string next = record.other();
  const std::string settings = record.groups.at(record.current).settings == "1" ? "2" : "1";
  record.groups[next] = {made.generation, wanted.spec.image, settings, wanted.spec};
  record = turned(record, wanted.rollout.value_or(wanted.spec.rollout), false, "", false, now());
  record.spec = wanted.spec;
  tell(idle, record,
       {{next + "_image", made.image},
        {next + "_flavor", made.flavor},
        {next + "_settings", settings},
        {next + "_count",
         std::to_string(first_size(record, std::stoi(idle.parameters.at(record.other() + "_count"))))},
        {"settings_" + settings, made.user_data}});
  return {true, was_stopped, record.rollout.number};
}

void OpenstackFleet::tell(const Stack& stack, const Record& record,
                          std::map<std::string, std::string> parameters) {
  // What was changed by hand is put right with it: whoever only looks, tells nothing then.
  for (const auto& [name, value] : record.told)
    if (stack.parameters.at(name) != value)
      parameters.try_emplace(name, value);
  Record next = record;
  for (const auto& [name, value] : parameters_of_groups(parameters))
    next.told[name] = value;
  parameters["fleet"] = to_json(next);
  cloud().update(stack_name_, stack, parameters);
  told_ = std::time(nullptr);
  last_.reset();
}

/// Heat that was ended in the middle of a change leaves it so for ever, and goes on when it is told anything.
/// Otherwise it says nothing for so long only when it waits for a server that is being made.
bool OpenstackFleet::works_on(const Stack& stack) {
  const auto silent = [](std::int64_t since) { return std::time(nullptr) - since >= kSilence.count(); };
  if (!stack.busy())
    return false;
  if (!silent(std::max(stack.changed, told_)))
    return true;
  const auto servers = cloud().servers(name_);
  if (std::ranges::find(servers, "BUILD", &Server::status) != servers.end())
    return true;
  const auto events =
      cloud().events(stack_name_, stack, [this](const std::string& id) { return name_of(id); });
  return std::ranges::any_of(events, [&](const auto& event) { return !silent(event.time); });
}

/// Heat makes one change after the other.
Stack OpenstackFleet::wait_until_idle() {
  while (true) {
    const Stack stack = require();
    if (!works_on(stack))
      return stack;
    support::check_interrupt();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

void OpenstackFleet::turn_back(const Stack& stack, const Record& record, const std::string& reason) {
  const std::string present = stack.parameters.at(record.current + "_count");
  const std::string before = stack.parameters.at(record.other() + "_count");
  const Record next = turned(record, record.rollout.rules, true, reason, before != "0", now());
  std::map<std::string, std::string> parameters;
  if (before == "0")
    parameters[next.current + "_count"] = std::to_string(first_size(next, std::stoi(present)));
  tell(stack, next, parameters);
}

Change OpenstackFleet::roll_back() {
  const Stack stack = wait_until_idle();
  const Record record = record_of(stack);
  const auto& before = record.groups.at(record.other());
  if (before.generation.empty())
    throw support::invalid(fmt::format("there is nothing before this that '{}' could go back to", name_));
  turn_back(stack, record, "");
  return {true, false, record.rollout.number + 1};
}

void OpenstackFleet::undo() {
  const Stack stack = wait_until_idle();
  const Record record = record_of(stack);
  if (fleet::under_way(record.rollout) && !record.rollout.back)
    turn_back(stack, record, "");
}

Change OpenstackFleet::scale(int count) {
  const Stack stack = require();
  Record record = record_of(stack);
  record.spec.count = count;
  std::map<std::string, std::string> parameters;
  const std::string size = record.current + "_count";
  // Fewer have to drain before; while a change is under way, its rules say how many there are.
  const auto members = stack.groups.find(record.current);
  const bool nobody_leaves =
      count > std::stoi(stack.parameters.at(size)) ||
      (members != stack.groups.end() && static_cast<int>(members->second.size()) <= count);
  if (!fleet::under_way(record.rollout) && nobody_leaves)
    parameters[size] = std::to_string(count);
  tell(stack, record, parameters);
  return {true, false, record.rollout.number};
}

void OpenstackFleet::autoscale(const std::optional<fleet::Autoscale>& autoscale) {
  const Stack stack = require();
  Record record = record_of(stack);
  record.spec.autoscale = autoscale;
  tell(stack, record);
}

Change OpenstackFleet::restart() {
  const Stack stack = wait_until_idle();
  Record record = record_of(stack);
  if (fleet::under_way(record.rollout))
    throw support::invalid(fmt::format("a change of '{}' is under way", name_));
  const auto parameters = stack.parameters;
  const std::string from = record.current;
  const std::string to = record.other();
  record.groups[to] = record.groups.at(from);
  record = turned(record, record.spec.rollout, false, "", false, now());
  tell(stack, record,
       {{to + "_image", parameters.at(from + "_image")},
        {to + "_flavor", parameters.at(from + "_flavor")},
        {to + "_settings", parameters.at(from + "_settings")},
        {to + "_count", std::to_string(first_size(record, std::stoi(parameters.at(from + "_count"))))}});
  return {true, false, record.rollout.number};
}

Change OpenstackFleet::start() {
  const Stack stack = wait_until_idle();
  Record record = record_of(stack);
  record.stopped = false;
  tell(stack, record, {{record.current + "_count", std::to_string(record.spec.count)}});
  return {true, true, record.rollout.number};
}

void OpenstackFleet::stop() {
  Stack stack = wait_until_idle();
  Record record = record_of(stack);
  for (const auto& server : cloud().servers(name_))
    save_console(server);
  record.stopped = true;
  tell(stack, record, {{"a_count", "0"}, {"b_count", "0"}});
  stack = wait_until_idle();
  if (stack.failed())
    throw support::failure(fmt::format("failed to stop '{}': {}", name_, stack.reason));
}

void OpenstackFleet::down(Volumes) {
  if (!note_.exists())
    return;
  bool asked = false;
  while (const auto stack = find()) {
    // One deletion may end at what is just being made, or with Heat: it is asked for again.
    if (!asked || !works_on(*stack)) {
      cloud().remove(stack_name_, *stack);
      told_ = std::time(nullptr);
    }
    asked = true;
    support::check_interrupt();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  note_.remove();
}

}  // namespace vmfleet::driver::openstack
