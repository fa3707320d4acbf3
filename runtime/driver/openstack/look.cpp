#include <fmt/format.h>

#include <algorithm>
#include <ctime>

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
  const auto bounds = fleet::bounds(*spec.autoscale, fleet::minute_of_week(std::time(nullptr)));
  return std::clamp(spec.count, bounds.least, bounds.most);
}

}  // namespace

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

}  // namespace vmfleet::driver::openstack
