#include "driver/local/snapshots.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <vector>

#include "driver/local/cgroup.hpp"
#include "driver/local/launch.hpp"
#include "driver/local/process.hpp"
#include "support/error.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace support = vmimage::support;

namespace {

constexpr std::size_t kKept = 3;  // in a rollout two are in use; each is as large as a machine's memory
// When nobody waits for it, the machine that a snapshot is made of leaves the first instance its start.
constexpr auto kDelay = std::chrono::seconds(10);
constexpr auto kRetry = std::chrono::minutes(10);

void end_donor(const fs::path& folder) {
  if (const auto process = find_by_argument(folder / "pid"))
    send_signal(*process, SIGKILL);
  std::error_code ignored;
  release(folder);
  fs::remove_all(folder, ignored);
}

}  // namespace

Snapshots::Snapshots(fs::path root) : folder_(root / "snapshots") {
  end_donor(root / "instances" / (root.filename().string() + "-0"));
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored))
    if (entry.path().extension() == ".part")
      fs::remove_all(entry.path(), ignored);
  worker_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

Running Snapshots::start(const Launch& launch, const std::stop_token& stop) {
  const auto cold = [&](const std::string& reason) {
    auto running = start_cold(launch);
    running.start = "cold: " + reason;
    return running;
  };
  if (!launch.warm)
    return cold("as asked for");
  if (!launch.volumes.empty())
    return cold("its volumes are its own");
  const std::string name = snapshot_name(launch, describe(launch));
  const auto choice = choose(launch, name, stop);
  if (!choice.snapshot)
    return cold(choice.reason);
  try {
    return resume(launch, *choice.snapshot);
  } catch (const support::Error& error) {
    fail(name, error.what());
    return cold(error.what());
  }
}

std::optional<Snapshot> Snapshots::find(const Launch& launch) const {
  const Snapshot snapshot = at(snapshot_name(launch, describe(launch)));
  return snapshot.exists() ? std::optional(snapshot) : std::nullopt;
}

Snapshots::Choice Snapshots::choose(const Launch& launch, const std::string& name,
                                    const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const bool first = !kinds_.contains(name);
  Kind& kind = kinds_[name];
  if (first)
    plan(kind, launch, Clock::now() + kDelay);
  kind.users.insert(launch.id);
  if (kind.phase == Phase::Planned && at(name).exists())
    kind.phase = Phase::Ready;
  const bool dropped = kind.phase == Phase::Ready && !at(name).exists();  // by make_room()
  if (dropped || (kind.phase == Phase::Failed && Clock::now() - kind.when > kRetry))
    plan(kind, launch, Clock::now());
  if (kind.phase == Phase::Planned && !first)
    kind.when = Clock::now();
  changed_.notify_all();
  if (first && kind.phase == Phase::Planned)
    return {{}, "the first of its kind"};
  changed_.wait(lock, stop, [&] { return kind.phase == Phase::Ready || kind.phase == Phase::Failed; });
  if (kind.phase == Phase::Failed)
    return {{}, kind.problem};
  if (kind.phase != Phase::Ready)
    throw support::failure("its start was given up");
  std::error_code ignored;
  fs::last_write_time(at(name).folder, fs::file_time_type::clock::now(), ignored);  // for make_room()
  return {at(name), {}};
}

void Snapshots::plan(Kind& kind, const Launch& launch, Clock::time_point when) {
  kind.of = launch;
  kind.phase = Phase::Planned;
  kind.when = when;
  kind.problem.clear();
}

void Snapshots::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, kind] : kinds_)
    if (kind.users.erase(id) && kind.users.empty())
      kind.give_up.request_stop();
  std::erase_if(kinds_, [](const auto& one) {
    const auto& kind = one.second;
    return kind.users.empty() && (kind.phase == Phase::Planned || kind.phase == Phase::Ready);
  });
  changed_.notify_all();
}

void Snapshots::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    std::string next;
    for (const auto& [name, kind] : kinds_)
      if (kind.phase == Phase::Planned && (next.empty() || kind.when < kinds_.at(next).when))
        next = name;
    if (next.empty()) {
      changed_.wait(lock, stop, [&] {
        return std::any_of(kinds_.begin(), kinds_.end(),
                           [](const auto& one) { return one.second.phase == Phase::Planned; });
      });
    } else if (const auto when = kinds_.at(next).when; when > Clock::now()) {
      changed_.wait_until(lock, stop, when,
                          [&] { return !kinds_.contains(next) || kinds_.at(next).when != when; });
    } else {
      Kind& kind = kinds_.at(next);
      kind.phase = Phase::Making;
      kind.give_up = {};
      lock.unlock();
      make(next, kind, stop);
      lock.lock();
      if (kind.give_up.stop_requested())  // for want of instances; there may be one again
        plan(kind, kind.of, Clock::now());
      if (kind.users.empty())
        kinds_.erase(next);
    }
  }
}

/// Nobody else changes or removes a kind that is being made.
void Snapshots::make(const std::string& name, Kind& kind, const std::stop_token& stop) {
  const std::stop_callback pass_on(stop, [&] { kind.give_up.request_stop(); });
  try {
    make_room();
    make_snapshot(kind.of, at(name), kind.give_up.get_token());
  } catch (const std::exception& error) {
    if (!kind.give_up.stop_requested())
      fail(name, error.what());
    return;
  }
  const std::lock_guard lock(mutex_);
  kind.phase = Phase::Ready;
  changed_.notify_all();
}

void Snapshots::fail(const std::string& name, const std::string& problem) {
  const std::lock_guard lock(mutex_);
  std::error_code ignored;
  fs::remove_all(at(name).folder, ignored);  // those that are resumed from it keep its memory open
  Kind& kind = kinds_.at(name);
  kind.phase = Phase::Failed;
  kind.when = Clock::now();
  kind.problem = "no snapshot: " + problem;
  changed_.notify_all();
}

/// Those that were used last stay. One that is dropped is made again when it is asked for.
void Snapshots::make_room() const {
  std::vector<fs::directory_entry> entries;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored))
    entries.push_back(entry);
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.last_write_time() > b.last_write_time(); });
  for (std::size_t i = kKept - 1; i < entries.size(); ++i)
    fs::remove_all(entries[i].path(), ignored);
}

}  // namespace vmfleet::driver
