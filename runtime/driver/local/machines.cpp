#include "driver/local/machines.hpp"

#include <fmt/format.h>
#include <signal.h>

#include "driver/local/cgroup.hpp"
#include "driver/local/isolation.hpp"
#include "driver/local/launch.hpp"
#include "driver/local/process.hpp"
#include "machine/qmp.hpp"
#include "machine/run_state.hpp"
#include "support/error.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace machine = vmimage::machine;
namespace support = vmimage::support;

namespace {

/// A machine that an earlier supervisor had started, and had no time to note.
Running take_over(const Launch& launch, const ProcessId& process) {
  auto running = wait_for_monitor(launch, process);
  running.start = "cold: by an earlier supervisor";
  return running;
}

}  // namespace

LocalMachines::LocalMachines(const fs::path& root, std::function<void()> changed,
                             std::function<void(pid_t)> started)
    : changed_(std::move(changed)), started_(std::move(started)), snapshots_(root), pool_(root, snapshots_) {}

void LocalMachines::begin(Entry& entry, std::function<Running(const std::stop_token&)> start) {
  std::promise<Running> promise;
  entry.starting = promise.get_future();
  entry.thread = std::jthread(
      [this, start = std::move(start), promise = std::move(promise)](const std::stop_token& stop) mutable {
        try {
          promise.set_value(start(stop));
        } catch (...) {
          promise.set_exception(std::current_exception());
        }
        changed_();
      });
}

void LocalMachines::start(const Launch& launch) {
  Entry& entry = entries_[launch.id];
  entry.launch = launch;
  begin(entry, [this, launch](const std::stop_token& stop) {
    const auto ready = pool_.take(launch);
    return ready ? *ready : snapshots_.start(launch, stop);
  });
}

void LocalMachines::adopt(const Launch& launch, const std::optional<Running>& running) {
  Entry& entry = entries_[launch.id];
  entry.launch = launch;
  if (running && running->pid != 0) {
    set_running(entry, *running);
    return;
  }
  auto process = find_by_argument(launch.folder / "pid");
  if (running) {  // nobody wants it; it was just started when its supervisor was killed
    if (process)
      send_signal(*process, SIGKILL);
    return;
  }
  if (process && has_argument(process->pid, "-incoming")) {
    send_signal(*process, SIGKILL);  // it may not have an identity of its own yet
    process.reset();
  }
  if (!process)
    start(launch);
  else
    begin(entry, [launch, process](const std::stop_token&) { return take_over(launch, *process); });
}

void LocalMachines::set_running(Entry& entry, const Running& running) const {
  entry.running = running;
  entry.end = ProcessEnd(process_of(running));
  if (!entry.end.has_come())
    started_(running.pid);
}

void LocalMachines::collect(Entry& entry) const {
  try {
    set_running(entry, entry.starting.get());
  } catch (const std::exception& error) {
    entry.problem = error.what();
  }
}

Look LocalMachines::look(const std::string& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end())
    return {};
  Entry& entry = found->second;
  if (entry.starting.valid()) {
    if (entry.starting.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
      return {.phase = Look::Phase::Launching, .running = {}, .problem = {}};
    collect(entry);
  }
  if (entry.end.has_come()) {
    if (entry.problem.empty())
      entry.problem =
          wanted_more(entry.launch.folder) ? "it wanted more memory than its size" : last_words(entry.launch);
    return {.phase = Look::Phase::Gone, .running = {}, .problem = entry.problem};
  }
  return {.phase = Look::Phase::Alive, .running = entry.running, .problem = {}};
}

Use LocalMachines::use(const std::string& id) {
  return use_of(entries_.at(id).running.pid);
}

Bounds LocalMachines::bounds(const std::string& id) {
  const pid_t pid = entries_.at(id).running.pid;
  return {confinement_of(pid), limits_of(pid)};
}

void LocalMachines::power_off(const std::string& id) {
  const auto look_now = look(id);
  if (look_now.phase == Look::Phase::Launching)
    entries_.at(id).thread.request_stop();  // in case that it still waits for a snapshot
  if (look_now.phase != Look::Phase::Alive)
    return;
  try {
    machine::Qmp qmp(entries_.at(id).launch.socket, std::chrono::milliseconds(500));
    if (machine::find_halt(qmp))
      send_signal(process_of(look_now.running), SIGTERM);  // it would not hear it
    else
      qmp.execute("system_powerdown", support::json::object(), std::chrono::seconds(1));
  } catch (const support::Error&) {
    // Its monitor does not answer: ask the process itself, which ends the machine.
    send_signal(process_of(look_now.running), SIGTERM);
  }
}

void LocalMachines::kill(const std::string& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end())
    return;
  if (found->second.starting.valid()) {
    found->second.thread.request_stop();
    collect(found->second);
  }
  send_signal(process_of(found->second.running), SIGKILL);
}

void LocalMachines::discard(const std::string& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end())
    return;
  std::error_code ignored;
  release(found->second.launch.folder);
  fs::remove_all(found->second.launch.folder, ignored);
  fs::remove_all(found->second.launch.socket.parent_path(), ignored);
  entries_.erase(found);
  snapshots_.forget(id);
}

}  // namespace vmfleet::driver
