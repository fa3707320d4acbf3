#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "driver/console_log.hpp"
#include "driver/openstack/fleet.hpp"
#include "fleet/autoscale.hpp"
#include "support/file.hpp"

namespace vmfleet::driver::openstack {

namespace fs = std::filesystem;
namespace support = vmimage::support;
using balancer::Mode;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

/// A look asks several services; nobody needs to know more often.
constexpr seconds kBetweenLooks{1};

/// What Heat failed to do may be possible later: a quota was reached, a host was down.
constexpr seconds kBeforeAgain{60};

std::vector<std::uint16_t> parse_ports(const std::string& list) {
  std::vector<std::uint16_t> ports;
  for (const auto& one : json::parse(list))
    ports.push_back(one);
  return ports;
}

/// The count of a fleet that autoscales: its bounds are kept, those of this minute.
int within_bounds(const fleet::Spec& spec) {
  if (!spec.autoscale)
    return spec.count;
  const auto bounds = fleet::bounds(*spec.autoscale, fleet::minute_of_week(std::time(nullptr)));
  return std::clamp(spec.count, bounds.least, bounds.most);
}

}  // namespace

OpenstackFleet::Look OpenstackFleet::look() {
  Look look{.stack = require(), .told = {}, .record = {}, .servers = {}, .sights = {}, .problem = {}};
  look.record = look.told = record_of(look.stack);
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
  } catch (const support::Error& error) {  // it boots, or what is said already keeps it from that
    look.say(error.what());
  }
  return look;
}

void OpenstackFleet::save_console(const Server& server) {
  if (server.group != "balancer")
    if (const std::string text = cloud().console(server.id); !text.empty()) {
      fs::create_directories(note_.folder() / "logs");
      support::write_file_atomic(note_.folder() / "logs" / (name_of(server.id) + ".log"), text);
    }
}

const Server* OpenstackFleet::Look::server(const std::string& id) const {
  const auto found = std::ranges::find(servers, id, &Server::id);
  return found == servers.end() ? nullptr : &*found;
}

const balancer::ServerSight* OpenstackFleet::Look::sight(const Server& server) const {
  const auto found = sights.find(server.address);
  return found == sights.end() ? nullptr : &found->second;
}

std::vector<std::string> OpenstackFleet::Look::group(const std::string& name) const {
  const auto found = stack.groups.find(name);
  return found == stack.groups.end() ? std::vector<std::string>{} : found->second;
}

int OpenstackFleet::Look::size(const std::string& group) const {
  return std::stoi(stack.parameters.at(group + "_count"));
}

/// The servers of a group in the order in which Heat would remove them.
std::vector<Member> OpenstackFleet::members_of(const Look& look, const std::string& group) const {
  std::vector<Member> members;
  for (const auto& id : look.group(group)) {
    const Server* server = look.server(id);
    if (!server)
      continue;
    Member member{.id = id};
    if (const auto* sight = look.sight(*server)) {
      member.healthy = sight->healthy && server->status == "ACTIVE";
      member.requests = sight->statistics.requests;
      member.errors = sight->statistics.errors;
      const auto since = draining_.find(id);
      member.idle = since != draining_.end() && sight->mode == Mode::Drain &&
                    (sight->statistics.connections == 0 ||
                     steady_clock::now() - since->second >= look.record.spec.rules.drain_limit);
    }
    members.push_back(member);
  }
  return members;
}

/// One step towards what shall be: whoever looks at a fleet, moves it on.
void OpenstackFleet::keep(Look& look) {
  Record& record = look.record;
  record.spec.count = within_bounds(record.spec);
  // How far a phase is, is kept here: to write it down, Heat would look through the whole stack.
  if (progress_ && progress_->number == record.rollout.number && progress_->phase == record.rollout.phase)
    record.rollout = *progress_;
  const Seen seen{.current = members_of(look, record.current),
                  .other = members_of(look, record.other()),
                  .current_size = look.size(record.current),
                  .other_size = look.size(record.other())};
  const Step step = next_step(record, seen, now());
  const bool led = lead(look, seen, step);
  done_ = step.done && led && !look.stack.busy() && !look.stack.failed();
  if (works_on(look.stack))
    return;  // Heat makes one change after the other
  const bool trying = fleet::under_way(record.rollout) && !record.rollout.back;
  const std::string failure = trying && look.stack.failed() ? look.stack.reason : step.failure;
  if (!failure.empty()) {
    turn_back(look.stack, record, failure);
    return;
  }
  progress_ = step.rollout;
  if (const std::string changes = drift(look.told, look.stack.parameters); changes.empty())
    tell_next(look, seen, step);
  else
    look.problem = fmt::format("the stack was changed by hand: {}; the next order puts it right", changes);
}

/// Tells the balancer who takes requests; whether it was so already.
bool OpenstackFleet::lead(Look& look, const Seen& seen, const Step& step) {
  std::map<std::string, steady_clock::time_point> draining;
  std::vector<Place> places;
  for (const auto* members : {&seen.current, &seen.other})
    for (const auto& member : *members) {
      const Server& server = *look.server(member.id);
      if (server.address.empty())
        continue;
      const bool drain = std::ranges::find(step.drain, member.id) != step.drain.end();
      if (drain) {
        const auto since = draining_.find(member.id);
        draining[member.id] = since == draining_.end() ? steady_clock::now() : since->second;
      }
      // One that answers no more is left to the balancer, which leads to it again when it does.
      const auto* sight = look.sight(server);
      const bool ready = !drain && (member.healthy || (sight && sight->mode == Mode::Ready));
      places.push_back({server.address, ready ? Mode::Ready : Mode::Drain});
    }
  draining_ = draining;
  if (look.stack.address.empty())
    return false;
  std::vector<balancer::ServerSight> present;
  for (const auto& [address, sight] : look.sights)
    present.push_back(sight);
  const auto commands =
      lead_to(places, present, parse_ports(look.stack.parameters.at("ports")), look.record.checked);
  if (commands.empty())
    return true;
  try {
    ask_balancer(look.stack, fmt::format("{}", fmt::join(commands, "; ")));
  } catch (const support::Error& error) {
    look.say(error.what());
  }
  return false;
}

/// Why a server has to be replaced; empty: it has not.
std::string OpenstackFleet::fault_of(const Look& look, const std::string& id) const {
  const Server* server = look.server(id);
  if (!server)
    return "it is gone";
  if (server->status == "ERROR" || server->status == "SHUTOFF" || server->status == "DELETED")
    return "it is " + server->status;
  const auto* sight = look.sight(*server);
  if (!sight || sight->healthy || draining_.contains(id))
    return "";
  const auto& rules = look.record.spec.rules;
  if (sight->mode == Mode::Ready && seconds(sight->since) >= rules.unhealthy_limit)
    return "it does not answer: " + sight->problem;
  if (sight->mode == Mode::Drain && seconds(std::time(nullptr) - server->created) >= rules.start_limit)
    return "it did not get healthy: " + sight->problem;
  return "";
}

/// Tells Heat what it does not know yet.
void OpenstackFleet::tell_next(const Look& look, const Seen& seen, const Step& step) {
  std::map<std::string, std::string> parameters;
  if (step.current_size != seen.current_size)
    parameters[look.record.current + "_count"] = std::to_string(step.current_size);
  if (step.other_size != seen.other_size)
    parameters[look.record.other() + "_count"] = std::to_string(step.other_size);
  // One that was marked is replaced when the stack is told anything.
  bool marked = false;
  for (const auto* group : {"a", "b"})
    for (const auto& id : look.group(group))
      if (const std::string fault = fault_of(look, id); !fault.empty()) {
        if (const Server* server = look.server(id))
          save_console(*server);
        cloud().mark_unhealthy(stack_name_, look.stack, id, fault);
        marked = true;
      }
  Record next = look.record;
  next.rollout = step.rollout;
  const bool again = look.stack.busy() ||
                     (look.stack.failed() && std::time(nullptr) - look.stack.changed >= kBeforeAgain.count());
  if (parameters.empty() && !marked && !again && next.rollout.phase == look.told.rollout.phase &&
      next.spec.count == look.told.spec.count)
    return;
  if (step.current_size < seen.current_size || step.other_size < seen.other_size)
    for (const auto& id : step.drain)
      save_console(*look.server(id));
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
  for (const auto& server : look.servers)
    if (server.group != "balancer" && server.status != "DELETED")
      status.instances.push_back(tell_instance(look, server));
  for (const auto& [address, sight] : look.sights)
    if (status.problem.empty() && !sight.healthy)
      status.problem = sight.problem;
  return status;
}

fleet::InstanceStatus OpenstackFleet::tell_instance(const Look& look, const Server& server) const {
  fleet::InstanceStatus one;
  one.id = name_of(server.id);
  one.current = server.group == look.record.current;
  one.image = look.record.groups.at(server.group).image;
  if (!server.address.empty())
    one.address = fmt::format("{}:{}", server.address, look.record.port);
  one.started_at = server.created;
  const auto* sight = look.sight(server);
  const bool healthy = sight && sight->healthy && server.status == "ACTIVE";
  one.state = server.status == "ERROR" || server.status == "SHUTOFF"     ? fleet::State::Failed
              : healthy && !one.current && draining_.contains(server.id) ? fleet::State::Draining
              : healthy                                                  ? fleet::State::Healthy
              : sight && sight->mode == Mode::Ready                      ? fleet::State::Unhealthy
                                                                         : fleet::State::Starting;
  if (sight) {
    one.rate.requests_total = sight->statistics.requests;
    one.rate.errors_total = sight->statistics.errors;
    one.rate.connections = sight->statistics.connections;
    one.rate.response_ms = sight->statistics.response_ms;
  }
  return one;
}

fleet::Status OpenstackFleet::status() {
  if (last_ && steady_clock::now() - looked_ < kBetweenLooks)
    return *last_;
  const auto alone = note_.lock();
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
  for (const auto& entry : fs::directory_iterator(note_.folder() / "logs", none))
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
    const fs::path kept = note_.folder() / "logs" / (id + ".log");
    return fs::exists(kept) ? support::read_file(kept) : std::string();
  });
}

}  // namespace vmfleet::driver::openstack
