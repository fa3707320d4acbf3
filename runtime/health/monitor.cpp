#include "health/monitor.hpp"

#include "driver/local/guest_line.hpp"
#include "machine/health.hpp"
#include "machine/qmp.hpp"
#include "machine/run_state.hpp"

namespace vmfleet::health {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kWhileStarting{250};  // a boot should not wait for its check
constexpr milliseconds kGuestAnswers{2000};

/// Where a machine on a bridge is: asked when that is not known, and when it may be elsewhere.
void find_address(Target& target) {
  try {
    const std::string address = driver::ask_address(target.guest_line, kGuestAnswers);
    if (!address.empty())
      target.address = address;
  } catch (const std::exception&) {
    // It has not booted so far, or it hangs.
  }
}

/// That its network is not there yet is of interest while it starts only; later, it takes connections late
/// because it is busy. For a TCP check it is the answer itself.
std::optional<std::string> check_once(const Target& target, bool starting) {
  if (target.address.empty())
    return "it has no address yet: its network's DHCP gave it none, or it does not tell";
  try {
    vmimage::machine::Reached reached;
    // What is on a bridge takes its connections itself.
    if (target.guest_line.empty() && (starting || target.check.type == recipe::HealthType::Tcp))
      reached = [&](std::uint16_t) {
        vmimage::machine::Qmp qmp(target.monitor, target.timeout);
        return vmimage::machine::reached_guest(qmp, target.check.port);
      };
    return vmimage::machine::check_health(target.check, target.address, target.port, target.timeout, reached);
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// Why the machine does not run, when a check has failed, or when there is none that could.
std::optional<vmimage::machine::Halt> find_halt(const Target& target,
                                                const std::optional<std::string>& cause) {
  const bool unchecked = target.check.type == recipe::HealthType::None;
  if (!cause && !unchecked)
    return std::nullopt;
  try {
    vmimage::machine::Qmp qmp(target.monitor, target.timeout);
    return vmimage::machine::find_halt(qmp);
  } catch (const std::exception& error) {
    return unchecked ? std::optional(vmimage::machine::Halt{.cause = error.what(), .final = false})
                     : std::nullopt;
  }
}

/// Of one that starts only the last cause is of interest: each part of a boot has its own.
void note(Verdict& verdict, const std::optional<std::string>& cause, bool starting) {
  verdict.healthy = !cause;
  verdict.failed_checks = cause ? verdict.failed_checks + 1 : 0;
  verdict.passed_checks = cause ? 0 : verdict.passed_checks + 1;
  if (!cause)
    verdict.cause.clear();
  else if (starting || verdict.cause.empty())
    verdict.cause = *cause;
  else if (verdict.cause.find(*cause) == std::string::npos)
    verdict.cause += ", then " + *cause;
}

}  // namespace

Monitor::~Monitor() {
  while (!watchers_.empty())
    forget(watchers_.begin()->first);
  for (auto& watcher : leaving_)
    watcher->thread.join();
}

void Monitor::watch(const std::string& id, const Target& target) {
  if (watchers_.contains(id))
    return;
  auto watcher = std::make_unique<Watcher>();
  watcher->thread = std::thread([this, target, self = watcher.get()] { run(*self, target); });
  watchers_[id] = std::move(watcher);
}

void Monitor::forget(const std::string& id) {
  reap();
  const auto found = watchers_.find(id);
  if (found == watchers_.end())
    return;
  {
    const std::lock_guard lock(found->second->mutex);
    found->second->stop = true;
  }
  found->second->changed.notify_all();
  leaving_.push_back(std::move(found->second));
  watchers_.erase(found);
}

Verdict Monitor::verdict(const std::string& id) {
  const auto found = watchers_.find(id);
  if (found == watchers_.end())
    return {};
  const std::lock_guard lock(found->second->mutex);
  return found->second->verdict;
}

void Monitor::run(Watcher& watcher, Target target) const {
  std::unique_lock lock(watcher.mutex);
  bool starting = true;
  bool astray = target.address.empty();
  while (!watcher.stop) {
    lock.unlock();
    if (astray && !target.guest_line.empty())
      find_address(target);
    auto cause = check_once(target, starting);
    const auto halt = find_halt(target, cause);
    if (halt)
      cause = halt->cause;
    astray = cause.has_value();
    lock.lock();
    watcher.verdict.address = target.address;
    watcher.verdict.lost = halt && halt->final;
    const bool news = cause || watcher.verdict.healthy != true;
    note(watcher.verdict, cause, starting);
    starting = starting && cause;
    if (news)
      changed_();
    watcher.changed.wait_for(lock, starting ? kWhileStarting : target.interval, [&] { return watcher.stop; });
  }
  watcher.ended = true;
}

void Monitor::reap() {
  leaving_.remove_if([](const auto& watcher) {
    {
      const std::lock_guard lock(watcher->mutex);
      if (!watcher->ended)
        return false;
    }
    watcher->thread.join();
    return true;
  });
}

}  // namespace vmfleet::health
