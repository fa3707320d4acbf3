// What people ask of a fleet: the part of the engine that changes what the fleet shall be.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "supervisor/engine.hpp"
#include "supervisor/logs.hpp"
#include "supervisor/secrets.hpp"
#include "supervisor/volumes.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::supervisor {

namespace support = vmimage::support;

namespace {

constexpr std::size_t kKeptLogs = 50;  // of instances that are gone

std::string folder_name(const std::string& digest) {
  return digest.substr(digest.find(':') + 1);
}

/// Old and new instances are beside one another in some strategies, and both would want the same volumes.
void check_strategy(const fleet::RolloutRules& rules) {
  if (rules.strategy == fleet::Strategy::BlueGreen || rules.strategy == fleet::Strategy::Canary)
    throw support::invalid(
        fmt::format(
            "an image with volumes cannot be rolled out by the strategy '{}', because no two instances "
            "have the same volumes at once",
            fleet::to_string(rules.strategy)),
        "use rolling or all-at-once, also in the spec's rollout");
}

/// Changes when a file is written to.
std::string stamp_of(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0)
    return "gone";
  return fmt::format("{} {}.{}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

}  // namespace

Engine::Change Engine::apply(const fleet::Spec& spec, const std::string& manifest,
                             const std::optional<fleet::RolloutRules>& rules) {
  if (state_.current && state_.mode == Mode::Removing)
    throw support::failure(fmt::format("the fleet '{}' is being removed", place_.name),
                           "try again when it is gone");
  const auto parsed = recipe::parse_manifest(manifest, spec.image.string());
  if (!parsed.volumes.empty())
    for (const auto& one : {spec.rollout, rules.value_or(spec.rollout)})
      check_strategy(one);
  Deployment wanted{spec, folder_name(parsed.digest), state_.current ? state_.current->restarts : 0,
                    keep_secrets(place_, spec.secrets)};
  Change change{.changed = !state_.current || !(wanted == *state_.current),
                .was_stopped = state_.current && state_.mode != Mode::Running};
  if (change.changed || change.was_stopped || is_overwritten(wanted.digest)) {
    require_room();
    store_image(spec, parsed, manifest);
    serve(wanted);
    state_.boot_id = driver::boot_id();
  }
  state_.mode = Mode::Running;
  if (change.changed) {
    state_.before = state_.current;
    const bool others = state_.before && state_.before->generation() != wanted.generation();
    // A rollout that did not get to its end leaves nothing to go back to but what there was before it.
    const bool unproven = state_.previous && fleet::under_way(state_.rollout) &&
                          state_.previous->generation() != wanted.generation();
    if (others && !unproven) {
      state_.older = state_.previous;
      state_.previous = state_.current;
    }
    state_.current = wanted;
    state_.scaled = outside_.now();
    note("changed", "",
         fmt::format("{} of {} ({})", spec.count, spec.image.string(), wanted.digest.substr(0, 12)));
    if (others)
      begin_rollout(rules.value_or(spec.rollout), false, "");
  }
  state_.backoff = {};
  problem_.clear();
  save();
  return change;
}

/// What could not be noted is not begun.
void Engine::require_room() {
  saved_.reset();
  if (!save())
    throw support::failure(unsaved_, fmt::format("'{}' is where the fleet is kept", place_.root.string()));
}

void Engine::undo() {
  if (!state_.before)
    return;
  serve(*state_.before);
  const bool others = state_.before->generation() != state_.current->generation();
  if (others)
    forsake();
  std::swap(state_.current, state_.before);
  note("changed", "", "back to what it was before");
  if (others)
    begin_rollout(state_.rollout.rules, true, "it was taken back");
  save();
}

/// What follows goes back from what the fleet is. Nobody wants to go on again to what did not prove good.
void Engine::forsake() {
  if (fleet::under_way(state_.rollout)) {
    state_.previous = state_.older;
    state_.older.reset();
  } else {
    state_.previous = state_.current;
  }
}

void Engine::roll_back(const std::string& reason) {
  if (!state_.previous)
    throw support::invalid("there is nothing to go back to: the fleet has had only one image",
                           "'vmfleet deploy' changes the image");
  Deployment back = *state_.previous;
  back.spec.count = state_.current->spec.count;
  back.spec.autoscale = state_.current->spec.autoscale;
  serve(back);
  forsake();
  state_.before = state_.current;
  state_.current = back;
  begin_rollout(state_.rollout.rules, true, reason);
  save();
}

void Engine::scale(int count, const std::string& reason) {
  state_.current->spec.count = count;
  state_.backoff = {};
  state_.scaled = outside_.now();
  note("scaled", "", fmt::format("{} instances wanted{}{}", count, reason.empty() ? "" : ": ", reason));
  save();
}

void Engine::autoscale(const std::optional<fleet::Autoscale>& autoscale) {
  state_.current->spec.autoscale = autoscale;
  note("changed", "", autoscale ? "the load decides the count" : "the count stays as it is");
  save();
}

void Engine::restart() {
  state_.before = state_.previous = state_.current;
  reread_secrets();
  ++state_.current->restarts;
  note("changed", "", "all instances are to be replaced");
  begin_rollout(state_.current->spec.rollout, false, "");
  save();
}

void Engine::set_mode(Mode mode) {
  if (state_.mode == Mode::Removing)
    return;  // there is no way back from it
  state_.mode = mode;
  state_.backoff = {};
  note(to_string(mode), "", "");
  save();
}

void Engine::drop_volumes() {
  state_.drop_volumes = true;
  save();
}

void Engine::halt() {
  halting_ = true;
  note("halted", "", "the machine is shut down");
}

void Engine::debug(const std::string& id) {
  Record* record = find(id);
  if (!record)
    throw support::invalid(fmt::format("the fleet has no instance '{}'", id));
  if (record->state == fleet::State::Debug)
    return;
  if (!fleet::serves({.id = id, .generation = {}, .state = record->state}))
    throw support::failure(
        fmt::format("{} is {}: it is on its way out already", id, fleet::to_string(record->state)));
  record->reason = "set aside";
  enter(*record, fleet::State::Debug, record->cause);
  save();
}

void Engine::end_debug(const std::string& id) {
  const Record* record = find(id);
  if (!record)
    throw support::invalid(fmt::format("the fleet has no instance '{}'", id));
  if (record->state != fleet::State::Debug)
    throw support::failure(fmt::format("{} is not set aside but {}", id, fleet::to_string(record->state)));
  act({fleet::ActionKind::PowerOff, id});
  save();
}

/// Linked where that is possible: writing an image anew leaves the one that instances run from as it is.
void Engine::store_image(const fleet::Spec& spec, const recipe::Manifest& manifest, const std::string& text) {
  const fs::path folder = place_.image(folder_name(manifest.digest));
  if (fs::exists(folder / "manifest.json") && !is_overwritten(folder_name(manifest.digest)))
    return;
  fs::create_directories(folder);
  fs::remove(folder / "disk");
  std::error_code refused;
  // Machines that root starts are not root's: what only root can read is copied, in a folder that only root
  // can enter.
  const bool closed =
      ::geteuid() == 0 && (fs::status(spec.image).permissions() & fs::perms::others_read) == fs::perms::none;
  if (!closed)
    fs::create_hard_link(spec.image, folder / "disk", refused);
  if (refused || closed)
    support::copy_sparse(spec.image, folder / "disk");
  if (closed)
    fs::permissions(folder / "disk", fs::perms::others_read, fs::perm_options::add);
  support::write_file_atomic(folder / "stamp", stamp_of(folder / "disk"));
  support::write_file_atomic(folder / "manifest.json", text);
}

/// A link does not keep an image from being written to in place.
bool Engine::is_overwritten(const std::string& digest) const {
  const fs::path folder = place_.image(digest);
  std::error_code problem;
  return fs::exists(folder / "stamp", problem) &&
         support::read_file(folder / "stamp") != stamp_of(folder / "disk");
}

void Engine::drop_unused_images() const {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(place_.root / "images", ignored)) {
    const std::string digest = entry.path().filename();
    const auto kept = state_.deployments();
    const bool used =
        std::any_of(kept.begin(), kept.end(), [&](const Deployment* one) { return one->digest == digest; }) ||
        std::any_of(state_.instances.begin(), state_.instances.end(),
                    [&](const Record& record) { return record.digest == digest; });
    if (!used)
      fs::remove_all(entry.path(), ignored);
  }
}

/// Whoever restarts a fleet may have changed what is in the files; or removed them, once the fleet had read
/// them.
void Engine::reread_secrets() {
  try {
    state_.current->secrets = keep_secrets(place_, state_.current->spec.secrets);
  } catch (const support::Error& error) {
    note("secrets", "", fmt::format("they stay as they were: {}", error.what()));
  }
}

void Engine::drop_unused_secrets() const {
  std::set<std::string> used;
  for (const auto* deployment : state_.deployments())
    used.insert(deployment->secrets);
  used.erase("");
  drop_secrets_but(place_, used);
}

void Engine::trim_logs() const {
  std::vector<std::pair<fs::file_time_type, fs::path>> logs;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(place_.logs(), ignored)) {
    if (entry.path().extension() != ".log")
      continue;  // the older part of one
    const std::string id = entry.path().stem();
    if (std::none_of(state_.instances.begin(), state_.instances.end(),
                     [&](const Record& record) { return record.id == id; }))
      logs.emplace_back(entry.last_write_time(ignored), entry.path());
  }
  std::sort(logs.begin(), logs.end());
  for (std::size_t i = 0; i + kKeptLogs < logs.size(); ++i)
    remove_log(logs[i].second);
}

std::string Engine::endpoint() {
  if (state_.listeners.empty())
    return {};
  const auto& main = state_.listeners.front();
  const auto& health = manifest_of(state_.current->digest)->health;
  const bool http = health.type == recipe::HealthType::Http && health.port == main.guest;
  return fmt::format("{}127.0.0.1:{}", http ? "http://" : "", main.host);
}

fleet::Status Engine::status() {
  fleet::Status status;
  status.name = place_.name;
  status.mode = to_string(state_.mode);
  if (!state_.current)
    return status;
  status.driver = state_.current->spec.driver;
  status.image = state_.current->spec.image;
  status.desired = desired().count;
  status.endpoint = endpoint();
  for (const auto& listener : state_.listeners)
    status.ports[std::to_string(listener.guest)] = fmt::format("127.0.0.1:{}", listener.host);
  status.settled = balanced_ && fleet::settled(desired(), instances());
  status.quick_failures = state_.backoff.failures;
  status.warm_pool = outside_.machines.prepared();
  status.problem = unsaved_.empty() ? problem_ : unsaved_;
  if (const auto& rollout = state_.rollout; rollout.number != 0)
    status.rollout = {.number = rollout.number,
                      .strategy = fleet::to_string(rollout.rules.strategy),
                      .phase = fleet::to_string(rollout.phase),
                      .from = rollout.from,
                      .to = rollout.to,
                      .back = rollout.back,
                      .reason = rollout.reason};
  status.gone = state_.gone;
  status.volumes = volumes_of(place_);
  for (const auto& record : state_.instances)
    for (auto& one : status.volumes)
      if (one.number == record.volumes)
        one.instance = record.id;
  status.load = history_.load(fleet::History::kRateSeconds * fleet::History::kStep);
  for (const auto& record : state_.instances) {
    const auto look = outside_.machines.look(record.id);
    fleet::InstanceStatus one{record.id,         record.state,
                              record.image,      {},
                              record.started_at, record.generation == state_.current->generation()};
    if (look.phase == driver::Look::Phase::Alive) {
      one.pid = look.running.pid;
      const auto use = outside_.machines.use(record.id);
      one.memory = use.memory;
      one.cpu_seconds = use.cpu_seconds;
      const auto bounds = outside_.machines.bounds(record.id);
      one.confinement = bounds.confinement;
      one.limits = bounds.limits;
      one.rate = history_.rate(record.id);
      one.start = look.running.start;
      const auto port = look.running.ports.find(main_port(*manifest_of(record.digest)));
      const std::string address = record.host(look.running);
      if (port != look.running.ports.end() && !address.empty())
        one.address = fmt::format("{}:{}", address, port->second);
    }
    const bool well = record.state == fleet::State::Healthy || record.state == fleet::State::Debug;
    if (!well && !record.cause.empty())
      status.problem = fmt::format("{}: {}", record.id, record.cause);
    status.instances.push_back(one);
  }
  return status;
}

}  // namespace vmfleet::supervisor
