#include "driver/openstack/driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include "driver/openstack/cloud.hpp"
#include "driver/openstack/front.hpp"
#include "driver/openstack/key.hpp"
#include "driver/openstack/options.hpp"
#include "driver/openstack/record.hpp"
#include "driver/openstack/steps.hpp"
#include "driver/openstack/template.hpp"
#include "fleet/autoscale.hpp"
#include "publish/prepare.hpp"
#include "publish/registry.hpp"
#include "supervisor/place.hpp"
#include "supervisor/secrets.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"
#include "support/progress.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace support = vmimage::support;
using namespace openstack;
using balancer::Mode;
using fleet::Milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

/// A look asks several services; nobody needs to know more often.
constexpr seconds kBetweenLooks{1};

/// What Heat failed to do may be possible later: a quota was reached, a host was down.
constexpr seconds kBeforeAgain{60};

/// What this machine knows of fleets in clouds: which there are, and the consoles of servers that are gone.
fs::path known_folder() {
  return supervisor::fleets_folder() / ".openstack";
}

Milliseconds now() {
  return std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

std::vector<std::uint16_t> tcp_ports(const vmimage::recipe::Manifest& manifest) {
  std::vector<std::uint16_t> ports;
  for (const auto& port : manifest.ports)
    if (port.protocol == vmimage::recipe::Protocol::Tcp)
      ports.push_back(port.number);
  return ports;
}

std::vector<std::uint16_t> parse_ports(const std::string& list) {
  std::vector<std::uint16_t> ports;
  for (const auto& one : json::parse(list))
    ports.push_back(one);
  return ports;
}

class ConsoleLog : public Log {
 public:
  explicit ConsoleLog(std::function<std::string()> read) : read_(std::move(read)) {}
  /// Nova gives the whole of it each time.
  std::string read() override {
    const std::string text = read_();
    const std::string fresh = text.starts_with(seen_) ? text.substr(seen_.size()) : text;
    seen_ = text;
    return fresh;
  }

 private:
  std::function<std::string()> read_;
  std::string seen_;
};

class OpenstackFleet : public Fleet {
 public:
  explicit OpenstackFleet(std::string name)
      : name_(std::move(name)), stack_name_("vmfleet-" + name_), folder_(known_folder() / name_) {}

  const std::string& name() const override { return name_; }
  bool exists() override { return fs::exists(known()) && find().has_value(); }
  std::optional<fleet::Spec> spec() override {
    const auto stack = fs::exists(known()) ? find() : std::nullopt;
    return stack ? std::optional(record_of(*stack).spec) : std::nullopt;
  }

  void check(const Wanted& wanted) override;
  Change apply(const Wanted& wanted) override;
  Change roll_back() override;
  void undo() override;
  Change scale(int count) override;
  void autoscale(const std::optional<fleet::Autoscale>& autoscale) override;
  Change restart() override;
  Change start() override;
  void stop() override;
  void down(Volumes) override;
  std::string volumes() override { return ""; }
  void debug(const std::string& id, bool) override {
    throw support::invalid(fmt::format("'{}' cannot be set aside: Heat has no means for that", id));
  }
  fleet::Status status() override;
  std::vector<fleet::Event> events() override {
    return cloud().events(stack_name_, require(), [this](const std::string& id) { return name_of(id); });
  }
  std::vector<std::string> logged() override;
  std::unique_ptr<Log> log(const std::string& id) override;

 private:
  struct Made {
    std::string image;
    std::string flavor;
    std::string user_data;
    std::string generation;
  };
  struct Look {
    Stack stack;
    Record record;
    std::vector<Server> servers;
    std::map<std::string, balancer::ServerSight> sights;  ///< by address
    std::string problem;
  };

  fs::path known() const { return folder_ / "cloud.json"; }
  Cloud& cloud();
  std::optional<Stack> find() { return cloud().find(stack_name_); }
  Stack require();
  Record record_of(const Stack& stack) const {
    return parse_record(stack.parameters.at("fleet"), "the stack '" + stack_name_ + "'");
  }
  std::string name_of(const std::string& server) const { return name_ + "-" + server.substr(0, 8); }
  void remember(const Options& options);

  Made make(const Wanted& wanted);
  Change create(const Wanted& wanted, const Made& made);
  Change change(const Stack& stack, const Wanted& wanted, const Made& made);
  void tell(const Stack& stack, const Record& record, std::map<std::string, std::string> parameters = {});
  void turn_back(const Stack& stack, const Record& record, const std::string& reason);
  Stack wait_until_idle();

  Look look();
  void keep(Look& look);
  void save_console(const Server& server);
  fleet::Status tell_status(const Look& look) const;
  std::string ask_balancer(const Stack& stack, const std::string& commands) const {
    return ask_by_tls(stack.address, kControlPort, stack.parameters.at("key"), commands);
  }

  std::string name_;
  std::string stack_name_;
  fs::path folder_;
  std::optional<Cloud> cloud_;
  std::optional<fleet::Status> last_;
  steady_clock::time_point looked_;
  std::optional<fleet::Rollout> progress_;
  std::map<std::string, steady_clock::time_point> draining_;  ///< by server: since when
  bool done_ = false;
};

Cloud& OpenstackFleet::cloud() {
  if (!cloud_) {
    if (!fs::exists(known()))
      throw support::invalid(fmt::format("there is no fleet '{}'", name_));
    cloud_.emplace(json::parse(support::read_file(known())).value("cloud", ""));
  }
  return *cloud_;
}

Stack OpenstackFleet::require() {
  if (auto stack = find())
    return *stack;
  throw support::failure(fmt::format("the stack '{}' of the fleet is gone", stack_name_),
                         fmt::format("'vmfleet down {}' forgets it", name_));
}

void OpenstackFleet::remember(const Options& options) {
  fs::create_directories(folder_ / "logs");
  support::write_file_atomic(known(), json{{"cloud", options.cloud}}.dump() + "\n");
}

// What shall be --------------------------------------------------------------------------------------------

void OpenstackFleet::check(const Wanted& wanted) {
  const Options options = read_options(wanted.spec.driver_options);
  if (!wanted.spec.secrets.empty() && !options.secrets)
    throw support::invalid(
        "secrets would lie on the servers' config drives, which members of the project can read",
        "if that is well: --driver-opt secrets=config-drive");
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
  const auto registry = vmimage::publish::open_registry("openstack", {options.cloud});
  const auto prepared = vmimage::publish::prepare(wanted.spec.image, "", progress.report());
  const auto size = fleet::instance_size(wanted.spec, wanted.manifest.size);
  Made made{
      .image = vmimage::publish::publish(*registry, prepared.upload, 0, progress.report()).image.id,
      .flavor = cloud_->flavor(options.flavor, {size.cpus, size.memory, wanted.manifest.disk}),
      .user_data = make_user_data(wanted.spec.environment, supervisor::read_secrets(wanted.spec.secrets)),
      .generation = {}};
  made.generation = support::Digest().add(wanted.manifest.digest).add(made.flavor).add(made.user_data).hex();
  return made;
}

Change OpenstackFleet::apply(const Wanted& wanted) {
  check(wanted);
  const support::FileLock alone(folder_.string() + ".lock");
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
  const auto registry = vmimage::publish::open_registry("openstack", {options.cloud});
  const auto prepared = vmimage::publish::prepare(image, "", progress.report());
  const auto front = vmimage::publish::publish(*registry, prepared.upload, 0, progress.report()).image.id;
  const auto ports = tcp_ports(wanted.manifest);
  const std::string key = make_key();

  Record record{.spec = wanted.spec, .groups = {}, .rollout = {}, .port = ports.front()};
  record.checked = wanted.manifest.health.type != vmimage::recipe::HealthType::None;
  const Group group{made.generation, wanted.spec.image, "1", wanted.spec};
  record.groups = {{"a", group}, {"b", {"", wanted.spec.image, "1", wanted.spec}}};
  cloud_->create(
      stack_name_,
      make_template({name_, ports, wanted.spec.port ? wanted.spec.port : ports.front(), kControlPort}),
      {{"network", cloud_->network(options.network)},
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
       {"ports", json(ports).dump()},
       {"fleet", to_json(record)}});
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
  if (same && wanted.spec == record.spec && !was_stopped)
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
  parameters["fleet"] = to_json(record);
  cloud().update(stack_name_, stack, parameters);
  last_.reset();
}

/// Heat makes one change after the other.
Stack OpenstackFleet::wait_until_idle() {
  while (true) {
    const Stack stack = require();
    if (!stack.busy())
      return stack;
    support::check_interrupt();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

void OpenstackFleet::turn_back(const Stack& stack, const Record& record, const std::string& reason) {
  const bool there = stack.parameters.at(record.other() + "_count") != "0";
  tell(stack, turned(record, record.rollout.rules, true, reason, there, now()));
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
  if (fs::exists(known())) {
    for (bool asked = false;;) {
      const auto stack = find();
      if (!stack)
        break;
      // One deletion may end at what is just being made: it is asked for again.
      if (!asked || stack->status == "DELETE_FAILED")
        cloud().remove(stack_name_, *stack);
      asked = true;
      support::check_interrupt();
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    fs::remove_all(folder_);
    fs::remove(folder_.string() + ".lock");
  }
  std::error_code kept;
  fs::remove(known_folder(), kept);  // when it was the last one
}

// What there is
// ----------------------------------------------------------------------------------------------

OpenstackFleet::Look OpenstackFleet::look() {
  Look look{.stack = require(), .record = {}, .servers = {}, .sights = {}, .problem = {}};
  look.record = record_of(look.stack);
  look.servers = cloud().servers(name_);
  if (look.stack.failed())
    look.problem = look.stack.reason;
  for (const auto& server : look.servers)
    if (!server.fault.empty())
      look.problem = server.fault;
  if (look.stack.address.empty())
    return look;
  try {
    const auto port = static_cast<std::uint16_t>(look.record.port);
    const std::string csv = ask_balancer(look.stack, fmt::format("show stat port-{} 4 -1", port));
    const std::string state = ask_balancer(look.stack, fmt::format("show servers state port-{}", port));
    for (auto& sight : balancer::parse_servers(csv, state, port))
      look.sights[sight.address.substr(0, sight.address.rfind(':'))] = sight;
  } catch (const support::Error& error) {  // it boots
    look.problem = error.what();
  }
  return look;
}

void OpenstackFleet::save_console(const Server& server) {
  if (server.group != "balancer")
    if (const std::string text = cloud().console(server.id); !text.empty())
      support::write_file_atomic(folder_ / "logs" / (name_of(server.id) + ".log"), text);
}

/// The servers of a group in the order in which Heat would remove them.
std::vector<Member> members_of(const std::vector<std::string>& order, const std::vector<Server>& servers,
                               const std::map<std::string, balancer::ServerSight>& sights) {
  std::vector<Member> members;
  for (const auto& id : order) {
    const auto server = std::ranges::find(servers, id, &Server::id);
    if (server == servers.end())
      continue;
    Member member{.id = id};
    const auto sight = sights.find(server->address);
    if (sight != sights.end()) {
      member.healthy = sight->second.healthy && server->status == "ACTIVE";
      member.requests = sight->second.statistics.requests;
      member.errors = sight->second.statistics.errors;
    }
    members.push_back(member);
  }
  return members;
}

/// The count of a fleet that autoscales: its bounds are kept, those of this minute.
int within_bounds(const fleet::Spec& spec) {
  if (!spec.autoscale)
    return spec.count;
  const std::time_t time = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&time, &local);
  const auto bounds =
      fleet::bounds(*spec.autoscale, (local.tm_wday * 24 + local.tm_hour) * 60 + local.tm_min);
  return std::clamp(spec.count, bounds.least, bounds.most);
}

/// One step towards what shall be: whoever looks at a fleet, moves it on.
void OpenstackFleet::keep(Look& look) {
  const auto group = [&](const std::string& name) {
    const auto found = look.stack.groups.find(name);
    return found == look.stack.groups.end() ? std::vector<std::string>{} : found->second;
  };
  Record& record = look.record;
  // How far a phase is, is kept here: to write it down, the whole stack would have to be looked through.
  record.spec.count = within_bounds(record.spec);
  if (progress_ && progress_->number == record.rollout.number && progress_->phase == record.rollout.phase)
    record.rollout = *progress_;
  Seen seen{.current = members_of(group(record.current), look.servers, look.sights),
            .other = members_of(group(record.other()), look.servers, look.sights),
            .current_size = std::stoi(look.stack.parameters.at(record.current + "_count")),
            .other_size = std::stoi(look.stack.parameters.at(record.other() + "_count"))};
  const auto limit = record.spec.rules.drain_limit;
  for (auto* members : {&seen.current, &seen.other})
    for (auto& member : *members) {
      const auto since = draining_.find(member.id);
      const auto server = std::ranges::find(look.servers, member.id, &Server::id);
      const auto sight = look.sights.find(server->address);
      const bool drains = sight != look.sights.end() && sight->second.mode == Mode::Drain;
      member.idle =
          since != draining_.end() && drains &&
          (sight->second.statistics.connections == 0 || steady_clock::now() - since->second >= limit);
    }

  const Step step = next_step(record, seen, now());
  std::map<std::string, steady_clock::time_point> draining;
  std::vector<Place> places;
  for (const auto* members : {&seen.current, &seen.other})
    for (const auto& member : *members) {
      const auto server = std::ranges::find(look.servers, member.id, &Server::id);
      if (server->address.empty())
        continue;
      const bool drain = std::ranges::find(step.drain, member.id) != step.drain.end();
      const auto sight = look.sights.find(server->address);
      const bool led = sight != look.sights.end() && sight->second.mode == Mode::Ready;
      if (drain) {
        const auto since = draining_.find(member.id);
        draining[member.id] = since == draining_.end() ? steady_clock::now() : since->second;
      }
      // One that answers no more is left to the balancer, which leads to it again when it does.
      const bool ready = !drain && (member.healthy || led);
      places.push_back({server->address, ready ? Mode::Ready : Mode::Drain});
    }
  draining_ = draining;
  std::vector<balancer::ServerSight> present;
  for (const auto& [address, sight] : look.sights)
    present.push_back(sight);
  bool led = true;
  if (!look.stack.address.empty()) {
    std::vector<std::uint16_t> ports = parse_ports(look.stack.parameters.at("ports"));
    const auto commands = lead_to(places, present, ports, record.checked);
    led = commands.empty();
    try {
      if (!commands.empty())
        ask_balancer(look.stack, fmt::format("{}", fmt::join(commands, "; ")));
    } catch (const support::Error& error) {
      look.problem = error.what();
    }
  }

  done_ = step.done && led && !look.stack.busy() && !look.stack.failed();
  if (look.stack.busy())
    return;  // Heat makes one change after the other
  const bool trying = fleet::under_way(record.rollout) && !record.rollout.back;
  const std::string failure = trying && look.stack.failed() ? look.stack.reason : step.failure;
  if (!failure.empty()) {
    turn_back(look.stack, record, failure);
    return;
  }
  progress_ = step.rollout;
  Record next = record;
  next.rollout = step.rollout;
  std::map<std::string, std::string> parameters;
  const auto size = [&](const std::string& name, int before, int after) {
    if (before != after)
      parameters[name + "_count"] = std::to_string(after);
  };
  size(record.current, seen.current_size, step.current_size);
  size(record.other(), seen.other_size, step.other_size);
  // A server that is gone behind Heat's back, or in ERROR, is replaced when the stack is told anything.
  bool missing = false;
  for (const auto& name : {"a", "b"})
    for (const auto& id : group(name)) {
      const auto server = std::ranges::find(look.servers, id, &Server::id);
      const bool bad = server == look.servers.end() || server->status == "ERROR" ||
                       server->status == "SHUTOFF" || server->status == "DELETED";
      if (!bad)
        continue;
      missing = true;
      cloud().mark_unhealthy(stack_name_, look.stack, id,
                             server == look.servers.end() ? "it is gone" : "it is " + server->status);
    }
  const bool enters = next.rollout.phase != record.rollout.phase;
  const bool again = look.stack.failed() && std::time(nullptr) - look.stack.changed >= kBeforeAgain.count();
  const bool counted = look.record.spec.count != record_of(look.stack).spec.count;
  if (parameters.empty() && !counted && !enters && !missing && !again)
    return;
  if (step.current_size < seen.current_size || step.other_size < seen.other_size)
    for (const auto& server : look.servers)
      if (std::ranges::find(step.drain, server.id) != step.drain.end())
        save_console(server);
  tell(look.stack, next, parameters);
  done_ = false;
}

fleet::Status OpenstackFleet::tell_status(const Look& look) const {
  const Record& record = look.record;
  fleet::Status status;
  status.name = name_;
  status.driver = "openstack";
  status.image = record.spec.image;
  status.mode = record.stopped ? "stopped" : "running";
  status.desired = record.spec.count;
  const int front = record.spec.port ? record.spec.port : record.port;
  if (!look.stack.address.empty()) {
    status.endpoint = fmt::format("http://{}:{}", look.stack.address, front);
    status.ports[std::to_string(record.port)] = fmt::format("{}:{}", look.stack.address, front);
  }
  status.settled = done_;
  status.problem = look.problem;
  if (look.stack.failed())
    status.quick_failures = 3;
  const auto& rollout = record.rollout;
  status.rollout = {rollout.number,
                    fleet::to_string(rollout.rules.strategy),
                    fleet::to_string(rollout.phase),
                    rollout.from,
                    rollout.to,
                    rollout.back,
                    rollout.reason};
  for (const auto& server : look.servers) {
    if (server.group == "balancer" || server.status == "DELETED")
      continue;
    fleet::InstanceStatus one;
    one.id = name_of(server.id);
    one.current = server.group == record.current;
    one.image = record.groups.at(server.group).image;
    if (!server.address.empty())
      one.address = fmt::format("{}:{}", server.address, record.port);
    one.started_at = server.created;
    const auto sight = look.sights.find(server.address);
    const bool drains = draining_.contains(server.id);
    const bool healthy = sight != look.sights.end() && sight->second.healthy && server.status == "ACTIVE";
    one.state = server.status == "ERROR" || server.status == "SHUTOFF"            ? fleet::State::Failed
                : drains && healthy && !one.current                               ? fleet::State::Draining
                : healthy                                                         ? fleet::State::Healthy
                : sight != look.sights.end() && sight->second.mode == Mode::Ready ? fleet::State::Unhealthy
                                                                                  : fleet::State::Starting;
    if (sight != look.sights.end()) {
      one.rate.requests_total = sight->second.statistics.requests;
      one.rate.errors_total = sight->second.statistics.errors;
      one.rate.connections = sight->second.statistics.connections;
      one.rate.response_ms = sight->second.statistics.response_ms;
      if (!sight->second.healthy && status.problem.empty())
        status.problem = sight->second.problem;
    }
    status.instances.push_back(one);
  }
  return status;
}

fleet::Status OpenstackFleet::status() {
  if (last_ && steady_clock::now() - looked_ < kBetweenLooks)
    return *last_;
  const support::FileLock alone(folder_.string() + ".lock");
  Look seen = look();
  if (!seen.record.stopped)
    keep(seen);
  else
    done_ = !seen.stack.busy();
  const auto status = tell_status(seen);
  looked_ = steady_clock::now();
  last_ = status;
  return status;
}

std::vector<std::string> OpenstackFleet::logged() {
  std::vector<std::string> ids;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder_ / "logs", none))
    ids.push_back(entry.path().stem());
  for (const auto& server : cloud().servers(name_))
    if (server.group != "balancer")
      if (const auto id = name_of(server.id); std::ranges::find(ids, id) == ids.end())
        ids.push_back(id);
  return ids;
}

std::unique_ptr<Log> OpenstackFleet::log(const std::string& id) {
  return std::make_unique<ConsoleLog>([this, id] {
    for (const auto& server : cloud().servers(name_))
      if (name_of(server.id) == id)
        return cloud().console(server.id);
    const fs::path kept = folder_ / "logs" / (id + ".log");
    return fs::exists(kept) ? support::read_file(kept) : std::string();
  });
}

}  // namespace

const std::string& OpenstackDriver::name() const {
  static const std::string name = "openstack";
  return name;
}

std::vector<std::string> OpenstackDriver::fleets() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(known_folder(), none))
    if (fs::exists(entry.path() / "cloud.json"))
      names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

std::unique_ptr<Fleet> OpenstackDriver::fleet(const std::string& name) {
  return std::make_unique<OpenstackFleet>(name);
}

}  // namespace vmfleet::driver
