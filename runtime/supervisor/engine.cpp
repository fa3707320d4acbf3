#include "supervisor/engine.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "supervisor/events.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::supervisor {

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

Engine::Engine(Place place, FleetState state, const Outside& outside, const fleet::Rules& rules)
    : place_(std::move(place)), state_(std::move(state)), outside_(outside), rules_(rules) {
  if (state_.current)
    take_over();
}

void Engine::take_over() {
  const std::string boot = driver::boot_id();
  const bool same_boot = state_.boot_id == boot;
  state_.boot_id = boot;
  for (auto& record : state_.instances) {
    const bool about_to_start = !record.running && record.state == State::Starting &&
                                record.generation == state_.current->generation();
    if (!same_boot || (!record.running && !about_to_start))
      record.running = driver::Running{};  // no process: it went with the host, or never was
    outside_.driver.adopt(launch_of(record), record.running);
  }
  note("supervised", "", "a supervisor took over");
  save();
}

fleet::Desired Engine::desired() const {
  if (!state_.current || state_.mode != Mode::Running)
    return {};
  return {state_.current->spec.count, state_.current->generation()};
}

Record* Engine::find(const std::string& id) {
  const auto found = std::find_if(state_.instances.begin(), state_.instances.end(),
                                  [&](const Record& record) { return record.id == id; });
  return found == state_.instances.end() ? nullptr : &*found;
}

std::vector<fleet::Instance> Engine::instances() {
  std::vector<fleet::Instance> list;
  for (const auto& record : state_.instances) {
    const auto phase = outside_.driver.look(record.id).phase;
    const auto open = connections_.find(record.slot);
    list.push_back({record.id, record.generation, record.state, record.since,
                    phase != driver::Look::Phase::Gone, open == connections_.end() ? 0 : open->second});
  }
  return list;
}

void Engine::tick() {
  if (!state_.current)
    return;
  for (auto& record : state_.instances)
    look_at(record);
  const auto now = outside_.now();
  const auto stable = [&](const Record& record) {
    return record.state == State::Healthy && record.healthy_since &&
           now - *record.healthy_since >= rules_.stable;
  };
  if (std::any_of(state_.instances.begin(), state_.instances.end(), stable))
    state_.backoff = {};
  route();
  for (const auto& action : fleet::plan(desired(), {now, instances(), state_.backoff}, rules_))
    act(action);
  route();
  save();
}

void Engine::look_at(Record& record) {
  const auto look = outside_.driver.look(record.id);
  if (look.phase == driver::Look::Phase::Alive && record.running != look.running)
    record.running = look.running;
  fleet::Sighting sighting{.alive = look.phase != driver::Look::Phase::Gone, .healthy = {}};
  health::Verdict verdict;
  const auto manifest = manifest_of(record.digest);
  if (look.phase == driver::Look::Phase::Alive) {
    const auto port = look.running.ports.find(manifest->health.port);
    outside_.checks.watch(
        record.id, {manifest->health, port == look.running.ports.end() ? std::uint16_t{0} : port->second,
                    place_.monitor(record.id)});
    verdict = outside_.checks.verdict(record.id);
    sighting.healthy = verdict.healthy;
    sighting.failed_checks = verdict.failed_checks;
  }
  if (!verdict.cause.empty())
    record.cause = verdict.cause;
  const auto now = outside_.now();
  const State next = fleet::next_state(record.state, record.since, sighting, now, rules_);
  if (next == record.state)
    return;
  if (next == State::Failed) {
    if (!sighting.alive)
      record.cause = look.problem.empty() ? "its machine ended" : look.problem;
    state_.backoff = fleet::after_failure(state_.backoff, record.healthy_since, now, rules_);
    outside_.checks.forget(record.id);
  }
  if (next == State::Healthy) {
    record.cause.clear();
    if (!record.healthy_since)
      record.healthy_since = now;
  }
  enter(record, next, record.cause);
}

void Engine::enter(Record& record, State state, const std::string& text) {
  record.state = state;
  record.since = outside_.now();
  if (state == State::Failed || state == State::Unhealthy)
    problem_ = fmt::format("{}: {}", record.id, text);
  note(fleet::to_string(state), record.id, text);
}

void Engine::act(const fleet::Action& action) {
  if (action.kind == ActionKind::Start) {
    start_instance();
    return;
  }
  if (action.kind == ActionKind::Forget) {
    forget(action.id);
    return;
  }
  Record* record = find(action.id);
  outside_.checks.forget(action.id);
  switch (action.kind) {
    case ActionKind::Drain:
      enter(*record, State::Draining, "");
      break;
    case ActionKind::PowerOff:
      enter(*record, State::Stopping, "");
      outside_.driver.power_off(action.id);
      break;
    default:
      if (record->state != State::Failed && record->state != State::Stopping)
        enter(*record, State::Stopping, "ended at once");
      outside_.driver.kill(action.id);
  }
}

int Engine::free_slot() const {
  for (int slot = 1; slot <= balancer::kSlots; ++slot)
    if (std::none_of(state_.instances.begin(), state_.instances.end(),
                     [&](const Record& record) { return record.slot == slot; }))
      return slot;
  return 0;
}

void Engine::start_instance() {
  const int slot = free_slot();
  if (slot == 0)
    return;  // others have to go first
  const Deployment& wanted = *state_.current;
  Record record;
  record.id = fmt::format("{}-{}", place_.name, state_.next_number++);
  record.slot = slot;
  record.generation = wanted.generation();
  record.digest = wanted.digest;
  record.image = wanted.spec.image;
  record.size = fleet::instance_size(wanted.spec, manifest_of(wanted.digest)->size);
  record.started_at = outside_.wall();
  state_.instances.push_back(record);
  enter(state_.instances.back(), State::Starting, "");
  save();  // before it runs, so that it is found again
  outside_.driver.start(launch_of(record));
}

void Engine::forget(const std::string& id) {
  note("gone", id, "");
  outside_.checks.forget(id);
  outside_.driver.discard(id);
  std::erase_if(state_.instances, [&](const Record& record) { return record.id == id; });
  trim_logs();
  drop_unused_images();
  drop_unused_secrets();
}

driver::Launch Engine::launch_of(const Record& record) {
  return {.id = record.id,
          .image = place_.image(record.digest) / "disk",
          .manifest = manifest_of(record.digest),
          .size = record.size,
          .environment = state_.current->spec.environment,
          .secrets = state_.current->secrets.empty() ? fs::path() : place_.secrets(state_.current->secrets),
          .host_loopback = state_.current->spec.network.host_loopback,
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
                             .listeners = listeners,
                             .health = manifest->health,
                             .socket = place_.balancer(),
                             .drop_privileges = ::geteuid() == 0});
  state_.listeners = listeners;
  serving_ = true;
}

void Engine::route() {
  if ((state_.listeners.empty() && serving_) || finished())
    return;
  std::map<int, balancer::Route> routes;
  bool draining = false;
  for (const auto& record : state_.instances) {
    if (!record.running || (record.state != State::Healthy && record.state != State::Draining))
      continue;
    draining |= record.state == State::Draining;
    const auto mode = record.state == State::Healthy ? balancer::Mode::Ready : balancer::Mode::Drain;
    routes[record.slot] = {mode, record.running->ports};
  }
  try {
    if (!serving_)
      serve(*state_.current);
    outside_.balancer.route(routes);
    balanced_ = true;
    connections_ = draining ? outside_.balancer.connections() : std::map<int, unsigned>{};
  } catch (const support::Error& error) {
    balanced_ = false;
    if (problem_ != error.what())
      note("balancer", "", error.what());
    problem_ = error.what();
  }
}

bool Engine::finished() const {
  return state_.current && state_.mode != Mode::Running && state_.instances.empty();
}

void Engine::save() {
  const std::string text = to_json(state_);
  if (text == saved_)
    return;
  support::write_file_atomic(place_.state(), text, 0600);
  saved_ = text;
}

void Engine::note(const std::string& event, const std::string& instance, const std::string& text) const {
  append_event(place_.events(), {outside_.wall(), event, instance, text});
}

}  // namespace vmfleet::supervisor
