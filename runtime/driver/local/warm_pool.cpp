#include "driver/local/warm_pool.hpp"

#include <signal.h>

#include <algorithm>

#include "driver/local/cgroup.hpp"
#include "driver/local/launch.hpp"
#include "driver/local/process.hpp"
#include "machine/health.hpp"
#include "machine/qmp.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace machine = vmimage::machine;
namespace support = vmimage::support;

namespace {

constexpr auto kRetry = std::chrono::seconds(1);  // a snapshot of their kind may still be in the making
constexpr std::chrono::milliseconds kCheckLimit{10'000};
constexpr std::chrono::milliseconds kMonitorAnswers{2000};

/// Whether one that was resumed for the first may be had for the second.
bool same(const Launch& a, const Launch& b) {
  return a.id == b.id && a.manifest->digest == b.manifest->digest && a.size == b.size &&
         a.environment == b.environment && a.secrets == b.secrets && a.host_loopback == b.host_loopback &&
         a.bridge == b.bridge && a.warm == b.warm && a.volumes == b.volumes;
}

/// Its log gets its place with its start: before it, there is no such instance.
Launch standing_by(Launch launch) {
  launch.log = launch.folder / "console.log";
  return launch;
}

/// What a request takes in the guest, it has done once.
void rehearse(const Launch& launch, const Running& running) {
  const auto& health = launch.manifest->health;
  if (const auto problem =
          machine::check_health(health, "127.0.0.1", running.ports.at(health.port), kCheckLimit))
    throw support::failure(*problem);
}

}  // namespace

WarmPool::WarmPool(const fs::path& root, Snapshots& snapshots)
    : folder_(root / "pool"), snapshots_(snapshots) {
  std::error_code ignored;
  for (const auto& mark : fs::directory_iterator(folder_, ignored)) {
    const fs::path left = root / "instances" / mark.path().filename();
    if (const auto process = find_by_argument(left / "pid"))
      end_now(*process);
    release(left);
    fs::remove_all(left, ignored);
  }
  fs::remove_all(folder_, ignored);
  worker_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

WarmPool::~WarmPool() {
  worker_.request_stop();
  worker_.join();
  for (const auto& [id, entry] : ready_)
    end(entry.launch, entry.running);
  std::error_code ignored;
  fs::remove(folder_, ignored);
}

void WarmPool::set(const std::vector<Launch>& next) {
  const std::lock_guard lock(mutex_);
  if (std::equal(next.begin(), next.end(), wanted_.begin(), wanted_.end(), same))
    return;
  wanted_ = next;
  news_ = true;
  changed_.notify_all();
}

int WarmPool::ready() {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(ready_.size());
}

std::optional<Running> WarmPool::take(const Launch& launch) {
  std::unique_lock lock(mutex_);
  std::erase_if(wanted_, [&](const Launch& one) { return one.id == launch.id; });
  ++takers_;
  changed_.wait(lock, [&] { return making_ != launch.id; });
  --takers_;
  auto node = ready_.extract(launch.id);
  changed_.notify_all();
  lock.unlock();
  if (!node)
    return std::nullopt;
  Entry entry = node.mapped();
  if (same(entry.launch, launch) && is_alive(process_of(entry.running)))
    try {
      machine::Qmp qmp(launch.socket, kMonitorAnswers);
      take_on_identity(launch, qmp, entry.mac);
      fs::create_directories(launch.log.parent_path());
      fs::rename(entry.launch.log, launch.log);
      fs::remove(mark_of(launch.id));
      entry.running.start = "warm, from the pool";
      return entry.running;
    } catch (const std::exception&) {
      // Then it is started as one that nobody had ready.
    }
  end(entry.launch, entry.running);
  return std::nullopt;
}

std::optional<Launch> WarmPool::missing() const {
  for (const auto& launch : wanted_)
    if (!ready_.contains(launch.id))
      return launch;
  return std::nullopt;
}

std::optional<std::string> WarmPool::superfluous() const {
  for (const auto& [id, entry] : ready_)
    if (takers_ == 0 && std::none_of(wanted_.begin(), wanted_.end(),
                                     [&](const Launch& launch) { return same(launch, entry.launch); }))
      return id;
  return std::nullopt;
}

void WarmPool::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    news_ = false;
    if (const auto id = superfluous()) {
      const Entry entry = ready_.at(*id);
      ready_.erase(*id);
      making_ = *id;
      lock.unlock();
      end(entry.launch, entry.running);
      lock.lock();
    } else if (const auto launch = missing()) {
      making_ = launch->id;
      lock.unlock();
      const Mac mac = new_mac();
      std::optional<Running> running;
      try {
        running = make(*launch, mac);
      } catch (const std::exception&) {
        // Nothing of it is left; it is tried again.
      }
      lock.lock();
      if (running)
        ready_.insert_or_assign(launch->id, Entry{standing_by(*launch), *running, mac});
      news_ = running.has_value();
    }
    making_.clear();
    changed_.notify_all();
    const auto rung = [&] { return news_ || superfluous(); };
    if (missing())
      changed_.wait_for(lock, stop, kRetry, rung);
    else
      changed_.wait(lock, stop, rung);
  }
}

Running WarmPool::make(const Launch& wanted, const Mac& mac) const {
  const auto snapshot = snapshots_.find(wanted);
  if (!snapshot)
    throw support::failure("there is no snapshot of its kind");
  const Launch launch = standing_by(wanted);
  fs::create_directories(folder_);
  support::write_file_atomic(mark_of(launch.id), "", 0600, support::Sync::No);
  Running running;
  try {
    running = resume(launch, *snapshot, mac);
    rehearse(launch, running);
    machine::Qmp(launch.socket, kMonitorAnswers).execute("stop");
    return running;
  } catch (...) {
    end(launch, running);
    throw;
  }
}

void WarmPool::end(const Launch& launch, const Running& running) const {
  if (running.pid != 0)
    end_now(process_of(running));
  release(launch.folder);
  std::error_code ignored;
  fs::remove_all(launch.folder, ignored);
  fs::remove_all(launch.socket.parent_path(), ignored);
  fs::remove(mark_of(launch.id), ignored);
}

}  // namespace vmfleet::driver
