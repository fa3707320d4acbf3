#include "supervisor/engine.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "machine/serial.hpp"
#include "supervisor/events.hpp"
#include "supervisor/logs.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::supervisor {

namespace machine = vmimage::machine;
namespace support = vmimage::support;
using fleet::ActionKind;
using fleet::State;

std::uint16_t main_port(const recipe::Manifest& manifest) {
  if (manifest.health.port)
    return manifest.health.port;
  for (const auto& port : manifest.ports)
    if (port.protocol == recipe::Protocol::Tcp)
      return port.number;
  return 0;
}

namespace {

constexpr std::chrono::seconds kLoadWindow{10};  // what the count follows
constexpr int kLastWords = 10;                   // lines of a failed instance's log

}  // namespace

Engine::Engine(Place place, FleetState state, const Outside& outside)
    : place_(std::move(place)), state_(std::move(state)), outside_(outside) {
  if (state_.current)
    take_over();
}

void Engine::take_over() {
  const std::string boot = driver::boot_id();
  const bool same_boot = state_.boot_id == boot;
  state_.boot_id = boot;
  for (auto& record : state_.instances) {
    const bool about_to_start =
        !record.running && record.state == State::Starting && deployment_of(record.generation);
    if (!same_boot || (!record.running && !about_to_start))
      record.running = driver::Running{};  // no process: it went with the host, or never was
    outside_.machines.adopt(launch_of(record), record.running);
  }
  if (!same_boot)
    begin_after_boot();
  note("supervised", "", "a supervisor took over");
  save();
}

/// All instances went with this machine, which is no fault of theirs; and what was noted of its clock is of
/// another one.
void Engine::begin_after_boot() {
  state_.rollout.since = state_.rollout.progress = state_.scaled = outside_.now();
  state_.backoff = {};
  std::vector<std::string> gone;
  for (auto& record : state_.instances) {
    record.reason = "the machine that it ran on was started anew";
    gone.push_back(record.id);
  }
  for (const auto& id : gone)
    forget(id);
  note("rebooted", "", fmt::format("{} instances ended with the machine that they ran on", gone.size()));
}

fleet::Desired Engine::desired() {
  if (!state_.current || !active())
    return {.over = true};
  std::set<std::string> with_volumes;
  for (const auto* one : {&state_.current, &state_.previous})
    if (*one && !manifest_of((*one)->digest)->volumes.empty())
      with_volumes.insert((*one)->generation());
  return {.count = state_.current->spec.count,
          .generation = state_.current->generation(),
          .previous = state_.previous ? state_.previous->generation() : "",
          .rollout = state_.rollout,
          .with_volumes = with_volumes};
}

fleet::Rules Engine::rules() const {
  return state_.current ? state_.current->spec.rules : fleet::Rules{};
}

const Deployment* Engine::deployment_of(const std::string& generation) const {
  for (const auto* one : state_.deployments())
    if (one->generation() == generation)
      return one;
  return nullptr;
}

Record* Engine::find(const std::string& id) {
  const auto found = std::find_if(state_.instances.begin(), state_.instances.end(),
                                  [&](const Record& record) { return record.id == id; });
  return found == state_.instances.end() ? nullptr : &*found;
}

std::vector<fleet::Instance> Engine::instances() {
  std::vector<fleet::Instance> list;
  for (const auto& record : state_.instances) {
    const auto phase = outside_.machines.look(record.id).phase;
    const auto counts = statistics_.find(record.slot);
    list.push_back({record.id, record.generation, record.state, record.since,
                    phase != driver::Look::Phase::Gone,
                    counts == statistics_.end() ? 0 : counts->second.connections, record.volumes});
  }
  return list;
}

void Engine::tick() {
  if (!state_.current)
    return;
  for (auto& record : state_.instances)
    look_at(record);
  const auto now = outside_.now();
  // Only one that was started after the last failure shows that the cause of it has gone.
  const auto stable = [&](const Record& record) {
    return record.state == State::Healthy && record.healthy_since &&
           *record.healthy_since >= state_.backoff.last_failure &&
           now - *record.healthy_since >= rules().stable;
  };
  if (std::any_of(state_.instances.begin(), state_.instances.end(), stable))
    state_.backoff = {};
  route();
  if (history_.due(outside_.now())) {
    watch_load();
    bound_logs();
  }
  go_on_rolling();
  follow_load();
  const auto wanted = desired();
  const fleet::Observed seen{now, instances(), state_.backoff};
  const auto actions = fleet::plan(wanted, seen, rules());
  at_rest_ = actions.empty() && fleet::settled(wanted, seen.instances);
  for (const auto& action : actions)
    if (action.kind != ActionKind::Start)
      act(action);
  start_instances(actions);
  prepare_next();
  route();
  save();
}

void Engine::look_at(Record& record) {
  const auto look = outside_.machines.look(record.id);
  if (look.phase == driver::Look::Phase::Alive && record.running != look.running)
    record.running = look.running;
  fleet::Sighting sighting{.alive = look.phase != driver::Look::Phase::Gone, .healthy = {}};
  health::Verdict verdict;
  const auto manifest = manifest_of(record.digest);
  if (look.phase == driver::Look::Phase::Alive) {
    const auto port = look.running.ports.find(manifest->health.port);
    const bool bridged = look.running.bridged;
    outside_.checks.watch(record.id,
                          {.check = manifest->health,
                           .address = record.host(look.running),
                           .port = port == look.running.ports.end() ? std::uint16_t{0} : port->second,
                           .monitor = place_.monitor(record.id),
                           .guest_line = bridged ? place_.guest_line(record.id).string() : "",
                           .interval = rules().interval,
                           .timeout = rules().timeout});
    verdict = outside_.checks.verdict(record.id);
    if (bridged)
      record.address = verdict.address.empty() ? record.address : verdict.address;
    sighting.healthy = verdict.healthy;
    sighting.failed_checks = verdict.failed_checks;
    sighting.passed_checks = verdict.passed_checks;
    sighting.lost = verdict.lost;
  }
  if (!verdict.cause.empty())
    record.cause = verdict.cause;
  const auto now = outside_.now();
  const State next = fleet::next_state(record.state, record.since, sighting, now, rules());
  if (next == record.state)
    return;
  if (next == State::Failed) {
    if (!sighting.alive)
      record.cause = look.problem.empty() ? "its machine ended" : look.problem;
    record.reason = "failed: " + record.cause;
    count_failure(record.generation, record.healthy_since);
    outside_.checks.forget(record.id);
  }
  if (next == State::Healthy) {
    record.cause.clear();
    if (!record.healthy_since)
      record.healthy_since = now;
  }
  enter(record, next, record.cause);
}

void Engine::count_failure(const std::string& generation, std::optional<fleet::Milliseconds> healthy_since) {
  state_.backoff = fleet::after_failure(state_.backoff, healthy_since, outside_.now(), rules());
  if (state_.backoff.failures > 0 && generation == desired().generation)
    ++state_.rollout.failures;
}

void Engine::enter(Record& record, State state, const std::string& text) {
  record.state = state;
  record.since = outside_.now();
  if (state == State::Failed || state == State::Unhealthy)
    problem_ = fmt::format("{}: {}", record.id, text);
  note(fleet::to_string(state), record.id, text);
}

void Engine::act(const fleet::Action& action) {
  if (action.kind == ActionKind::Forget) {
    forget(action.id);
    return;
  }
  Record* record = find(action.id);
  outside_.checks.forget(action.id);
  if (record->reason.empty())
    record->reason = reason_to_end(*record);
  switch (action.kind) {
    case ActionKind::Drain:
      enter(*record, State::Draining, record->reason);
      break;
    case ActionKind::PowerOff:
      enter(*record, State::Stopping, "");
      outside_.machines.power_off(action.id);
      break;
    default:
      if (record->state != State::Failed && record->state != State::Stopping)
        enter(*record, State::Stopping, "ended at once");
      outside_.machines.kill(action.id);
  }
}

int Engine::free_slot() const {
  for (int slot = 1; slot <= balancer::kSlots; ++slot)
    if (std::none_of(state_.instances.begin(), state_.instances.end(),
                     [&](const Record& record) { return record.slot == slot; }))
      return slot;
  return 0;
}

/// Noted once for all of them: the disk is waited for each time.
void Engine::start_instances(const std::vector<fleet::Action>& actions) {
  const auto before = static_cast<std::ptrdiff_t>(state_.instances.size());
  for (const auto& action : actions)
    if (const auto* wanted = action.kind == ActionKind::Start ? deployment_of(action.id) : nullptr)
      add_instance(*wanted, action.volumes);
  const auto first = state_.instances.begin() + before;
  if (first == state_.instances.end())
    return;
  if (!save()) {  // what runs and is not noted would not be found again
    state_.instances.erase(first, state_.instances.end());
    return;
  }
  for (auto record = first; record != state_.instances.end(); ++record)
    outside_.machines.start(launch_of(*record));
}

Record Engine::new_record(const Deployment& wanted, int number) {
  Record record;
  record.id = fmt::format("{}-{}", place_.name, number);
  record.generation = wanted.generation();
  record.digest = wanted.digest;
  record.image = wanted.spec.image;
  record.size = fleet::instance_size(wanted.spec, manifest_of(wanted.digest)->size);
  return record;
}

/// While something is under way, what is ready may be just what it wants.
void Engine::prepare_next() {
  if (active() && !at_rest_)
    return;
  std::vector<driver::Launch> next;
  const auto& spec = state_.current->spec;
  // One that stands by would let the address that its network's DHCP has given it expire.
  if (active() && spec.warm && spec.network.bridge.empty() &&
      manifest_of(state_.current->digest)->volumes.empty())
    for (int i = 0; i < spec.warm_pool; ++i)
      next.push_back(launch_of(new_record(*state_.current, state_.next_number + i)));
  outside_.machines.prepare(next);
}

void Engine::add_instance(const Deployment& wanted, int volumes) {
  const int slot = free_slot();
  if (slot == 0)
    return;  // others have to go first
  if (!unsaved_.empty() && !save())
    return;
  if (is_overwritten(wanted.digest)) {
    count_failure(wanted.generation(), {});
    problem_ =
        fmt::format("the image '{}' was written to after the fleet had taken it; 'vmfleet up' takes it anew",
                    wanted.spec.image.string());
    note("failed", "", problem_);
    return;
  }
  Record record = new_record(wanted, state_.next_number++);
  record.slot = slot;
  record.volumes = volumes;
  record.started_at = outside_.wall();
  state_.instances.push_back(record);
  enter(state_.instances.back(), State::Starting, "");
}

std::string Engine::reason_to_end(const Record& record) const {
  if (halting_)
    return "the machine that it runs on is shut down";
  if (state_.mode != Mode::Running)
    return state_.mode == Mode::Stopped ? "the fleet was stopped" : "the fleet was removed";
  if (record.generation != state_.current->generation())
    return "replaced: the fleet has another image or other settings";
  return record.state == State::Unhealthy ? "fewer are wanted; it did not answer" : "fewer are wanted";
}

void Engine::remember(const Record& record) {
  state_.gone.push_back({record.id, record.image, record.started_at, outside_.wall(),
                         record.reason.empty() ? "its machine ended" : record.reason});
  if (state_.gone.size() > kKeptGone)
    state_.gone.erase(state_.gone.begin());
}

void Engine::forget(const std::string& id) {
  if (const auto* record = find(id))
    remember(*record);
  note("gone", id, "");
  outside_.checks.forget(id);
  outside_.machines.discard(id);
  std::erase_if(state_.instances, [&](const Record& record) { return record.id == id; });
  trim_logs();
  drop_unused_images();
  drop_unused_secrets();
}

driver::Launch Engine::launch_of(const Record& record) {
  const auto* known = deployment_of(record.generation);
  const Deployment& made_by = known ? *known : *state_.current;
  return {.id = record.id,
          .image = place_.image(record.digest) / "disk",
          .manifest = manifest_of(record.digest),
          .size = record.size,
          .environment = made_by.spec.environment,
          .volumes = record.volumes ? place_.volumes(record.volumes) : fs::path(),
          .secrets = made_by.secrets.empty() ? fs::path() : place_.secrets(made_by.secrets),
          .host_loopback = made_by.spec.network.host_loopback,
          .bridge = made_by.spec.network.bridge,
          .warm = made_by.spec.warm,
          .folder = place_.instance(record.id),
          .socket = place_.monitor(record.id),
          .log = place_.log(record.id)};
}

std::shared_ptr<const recipe::Manifest> Engine::manifest_of(const std::string& digest) {
  auto& manifest = manifests_[digest];
  if (!manifest) {
    const fs::path file = place_.image(digest) / "manifest.json";
    manifest =
        std::make_shared<recipe::Manifest>(recipe::parse_manifest(support::read_file(file), file.string()));
  }
  return manifest;
}

void Engine::serve(const Deployment& deployment) {
  const auto manifest = manifest_of(deployment.digest);
  const std::uint16_t main = main_port(*manifest);
  const auto listeners_before = state_.listeners;
  const auto host_port = [&](std::uint16_t guest) {
    if (guest == main && deployment.spec.port)
      return deployment.spec.port;
    for (const auto& listener : listeners_before)
      if (listener.guest == guest)
        return listener.host;
    return balancer::choose_port(fmt::format("{}:{}", place_.root.string(), guest));
  };
  std::vector<balancer::Listener> listeners;
  for (const auto& port : manifest->ports)
    if (port.protocol == recipe::Protocol::Tcp)
      listeners.push_back({port.number, host_port(port.number)});
  std::stable_partition(listeners.begin(), listeners.end(),
                        [&](const auto& listener) { return listener.guest == main; });
  if (!listeners.empty())
    outside_.balancer.serve({.fleet = place_.name,
                             .ipv6 = deployment.spec.network.ipv6,
                             .listeners = listeners,
                             .health = manifest->health,
                             .socket = place_.balancer(),
                             .drop_privileges = ::geteuid() == 0,
                             .routes = routes_});
  state_.listeners = listeners;
  serving_ = true;
}

void Engine::route() {
  if (finished())
    return;
  routes_.clear();
  bool draining = false;
  ready_.clear();
  const auto wanted = desired();
  for (const auto& record : state_.instances) {
    // One that is set aside finishes the requests that it has.
    const bool known =
        record.state == State::Healthy || record.state == State::Draining || record.state == State::Debug;
    if (!record.running || !known)
      continue;
    draining |= record.state == State::Draining;
    const bool ready = fleet::takes_requests(
        {.id = record.id, .generation = record.generation, .state = record.state}, wanted);
    if (ready)
      ready_.insert(record.id);
    routes_[record.slot] = {ready ? balancer::Mode::Ready : balancer::Mode::Drain, record.running->ports,
                            record.address};
  }
  if (state_.listeners.empty() && serving_)
    return;
  try {
    if (!serving_)
      serve(*state_.current);
    outside_.balancer.route(routes_);
    balanced_ = true;
    if (draining)
      statistics_ = outside_.balancer.statistics();
  } catch (const support::Error& error) {
    balanced_ = false;
    if (problem_ != error.what())
      note("balancer", "", error.what());
    problem_ = error.what();
  }
}

void Engine::watch_load() {
  const auto now = outside_.now();
  try {
    statistics_ = outside_.balancer.statistics();
  } catch (const support::Error&) {
    // It has just ended; route() starts it again.
  }
  std::vector<fleet::Sample> samples;
  for (const auto& record : state_.instances) {
    if (outside_.machines.look(record.id).phase != driver::Look::Phase::Alive)
      continue;
    const auto use = outside_.machines.use(record.id);
    const auto& counts = statistics_[record.slot];
    samples.push_back({.id = record.id,
                       .healthy = ready_.contains(record.id),
                       .cpus = record.size.cpus,
                       .cpu_seconds = use.cpu_seconds,
                       .memory = use.memory,
                       .requests = counts.requests,
                       .errors = counts.errors,
                       .connections = counts.connections,
                       .response_ms = counts.response_ms});
  }
  history_.add(now, outside_.wall(), desired().count, samples);
}

/// Not while images change: then the count is the rollout's.
void Engine::follow_load() {
  const auto& autoscale = state_.current->spec.autoscale;
  if (!autoscale || !active() || fleet::under_way(state_.rollout))
    return;
  const auto now = outside_.now();
  // What was seen before the last change was made by other instances than there are now.
  const bool known = now - state_.scaled >= kLoadWindow;
  const int count = state_.current->spec.count;
  const auto next = fleet::scale(*autoscale, fleet::minute_of_week(outside_.wall()), count,
                                 fleet::progress_of(desired(), instances()).healthy,
                                 known ? history_.load(kLoadWindow) : fleet::Load{}, state_.scaled, now);
  if (next.count != count)
    scale(next.count, next.reason);
}

void Engine::begin_rollout(const fleet::RolloutRules& rules, bool back, const std::string& reason) {
  const std::string generation = state_.current->generation();
  const bool takes_requests = std::any_of(
      state_.instances.begin(), state_.instances.end(),
      [&](const Record& record) { return record.generation == generation && ready_.contains(record.id); });
  const auto name = [](const Deployment& one) {
    return fmt::format("{} ({})", one.spec.image.filename().string(), one.digest.substr(0, 12));
  };
  state_.rollout = fleet::begin(state_.rollout.number + 1, rules, back, takes_requests, outside_.now());
  state_.rollout.from = state_.before ? name(*state_.before) : "";
  state_.rollout.to = name(*state_.current);
  state_.rollout.reason = reason;
  state_.backoff = {};
  if (fleet::progress_of(desired(), instances()).outdated == 0) {
    state_.rollout.phase = fleet::Phase::Done;  // nothing is there that could be replaced
    return;
  }
  note(back ? "rollback" : "rollout", "",
       fmt::format("{}, from {} to {}{}{}", fleet::to_string(rules.strategy), state_.rollout.from,
                   state_.rollout.to, reason.empty() ? "" : ": ", reason));
}

void Engine::go_on_rolling() {
  const auto phase = state_.rollout.phase;
  if (phase == fleet::Phase::Done || !active())
    return;
  const auto wanted = desired();
  auto progress = fleet::progress_of(wanted, instances());
  for (const auto& record : state_.instances)
    if (record.generation == wanted.generation) {
      const auto rate = history_.rate(record.id);
      progress.requests += rate.requests_total;
      progress.errors += rate.errors_total;
    }
  const auto step = fleet::advance(state_.rollout, progress, outside_.now());
  state_.rollout = step.rollout;
  if (!step.failure.empty()) {
    const std::string words = last_words();
    roll_back(words.empty() ? step.failure : fmt::format("{}; {}", step.failure, words));
    return;
  }
  if (state_.rollout.phase != phase)
    note("rollout", "", fleet::to_string(state_.rollout.phase));
}

std::string Engine::last_words() const {
  const Record* worst = nullptr;
  const auto badness = [](const Record& record) {
    return record.state == State::Failed      ? 3
           : record.state == State::Unhealthy ? 2
                                              : record.state == State::Starting;
  };
  for (const auto& record : state_.instances)
    if (record.generation == state_.current->generation() && badness(record) > (worst ? badness(*worst) : 0))
      worst = &record;
  if (!worst)
    return {};
  std::string words = worst->cause;
  if (const std::string log = read_log(place_.log(worst->id)); !log.empty())
    words += fmt::format("; its log ends with:\n{}", machine::last_lines(log, kLastWords));
  return fmt::format("{}: {}", worst->id, words);
}

bool Engine::finished() const {
  return state_.current && !active() && state_.instances.empty();
}

/// A full disk does not keep the fleet from being looked after; it is tried again at every look.
bool Engine::save() {
  if (state_ == saved_)
    return true;
  try {
    support::write_file_atomic(place_.state(), to_json(state_), 0600);
  } catch (const support::Error& error) {
    unsaved_ = error.what();
    return false;
  }
  saved_ = state_;
  unsaved_.clear();
  return true;
}

void Engine::bound_logs() const {
  for (const auto& record : state_.instances)
    bound_log(place_.log(record.id));
}

void Engine::note(const std::string& event, const std::string& instance, const std::string& text) const {
  append_event(place_.events(), {outside_.wall(), event, instance, text});
}

}  // namespace vmfleet::supervisor
