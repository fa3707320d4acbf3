#include "driver/local/driver.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "driver/local/bridge.hpp"
#include "driver/local/memory.hpp"
#include "fleet/rules.hpp"
#include "machine/accelerator.hpp"
#include "supervisor/client.hpp"
#include "supervisor/damage.hpp"
#include "supervisor/events.hpp"
#include "supervisor/logs.hpp"
#include "supervisor/secrets.hpp"
#include "supervisor/volumes.hpp"
#include "support/error.hpp"
#include "support/json.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
using supervisor::Client;
using vmimage::support::json;

namespace {

json apply_order(const Wanted& wanted) {
  json order{{"command", "apply"},
             {"spec", json::parse(fleet::to_json(wanted.spec))},
             {"manifest", vmimage::recipe::to_json(wanted.manifest)}};
  if (wanted.rollout)
    order["rollout"] = fleet::to_json(*wanted.rollout);
  return order;
}

/// The largest count that it may get.
int most_of(const fleet::Autoscale& autoscale) {
  int most = autoscale.most;
  for (const auto& entry : autoscale.schedule)
    most = std::max(most, entry.most);
  return most;
}

void check_bridge(const Wanted& wanted) {
  const std::string& bridge = wanted.spec.network.bridge;
  if (bridge.empty())
    return;
  if (wanted.manifest.base.starts_with("file:"))
    throw vmimage::support::invalid(
        "an image on a base 'file:' has no program that tells its address on a bridge",
        "leave the bridge out, or use another base");
  open_tap(bridge);
}

class LocalFleet : public Fleet {
 public:
  explicit LocalFleet(const std::string& name) : client_(supervisor::locate(name)), name_(name) {}

  const std::string& name() const override { return name_; }
  bool exists() override { return fs::exists(place().state()); }
  std::optional<fleet::Spec> spec() override {
    const auto state = supervisor::read_state(place());
    return state.current ? std::optional(state.current->spec) : std::nullopt;
  }
  /// One that is stopped has no supervisor, and is not given one to be asked.
  fleet::Status status() override {
    if (const auto stopped = ordered_ ? std::nullopt : supervisor::stopped_status(place()))
      return *stopped;
    return client_.status();
  }

  void check(const Wanted& wanted) override {
    require_memory(wanted.spec, wanted.manifest.size);
    supervisor::read_secrets(wanted.spec.secrets);
    check_bridge(wanted);
    const auto acceleration = vmimage::machine::probe_acceleration();
    if (acceleration.kind == vmimage::machine::Accelerator::Tcg)
      fmt::print(stderr, "vmfleet: without KVM, so slower: {}\n", acceleration.reason);
  }
  Change apply(const Wanted& wanted) override {
    client_ = Client(place(), Client::Missing::Make);
    return order(apply_order(wanted));
  }
  Change roll_back() override { return order({{"command", "rollback"}}); }
  void undo() override { order({{"command", "undo"}}); }
  Change scale(int count) override {
    require_memory(name_, count);
    return order({{"command", "scale"}, {"count", count}});
  }
  void autoscale(const std::optional<fleet::Autoscale>& autoscale) override {
    json command{{"command", "autoscale"}};
    if (autoscale) {
      require_memory(name_, most_of(*autoscale));
      command["autoscale"] = fleet::to_json(*autoscale);
    }
    order(command);
  }
  Change restart() override { return order({{"command", "restart"}}); }
  Change start() override { return order({{"command", "start"}}); }
  void stop() override {
    if (!supervisor::stopped_status(place()))
      client_.end("stop");
    ordered_ = false;
  }
  void down(Volumes volumes) override {
    if (exists() && !supervisor::remove_damaged(place()))
      client_.end("down", volumes);
    else if (volumes == Volumes::Remove)
      supervisor::remove_kept_volumes(name_);
  }
  std::string volumes() override {
    return supervisor::volumes_of(place()).empty() ? "" : place().volumes().string();
  }
  void debug(const std::string& id, bool end) override {
    order({{"command", "debug"}, {"instance", id}, {"end", end}});
  }

  std::vector<fleet::Event> events() override { return supervisor::read_events(place().events()); }
  std::vector<std::string> logged() override { return supervisor::logged(place().logs()); }
  std::unique_ptr<Log> log(const std::string& id) override {
    return std::make_unique<supervisor::LogReader>(place().log(id));
  }

 private:
  const supervisor::Place& place() const { return client_.place(); }

  Change order(const json& command) {
    const json answer = client_.order(command);
    ordered_ = true;
    return {answer.value("changed", true), answer.value("was_stopped", false),
            fleet::parse_status(answer.at("status")).rollout.number};
  }

  Client client_;
  std::string name_;
  bool ordered_ = false;  ///< it runs, or begins to
};

}  // namespace

const std::string& LocalDriver::name() const {
  static const std::string name = "local";
  return name;
}

std::vector<std::string> LocalDriver::fleets() {
  return supervisor::fleet_names();
}

std::vector<fleet::Status> LocalDriver::gone() {
  std::vector<fleet::Status> fleets;
  for (const auto& one : supervisor::fleets_with_kept_volumes()) {
    fleets.push_back(supervisor::kept_status(one));
    fleets.back().driver = name();
  }
  return fleets;
}

std::unique_ptr<Fleet> LocalDriver::fleet(const std::string& name) {
  return std::make_unique<LocalFleet>(name);
}

}  // namespace vmfleet::driver
