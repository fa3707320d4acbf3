#include "driver/memory/driver.hpp"

#include "supervisor/engine.hpp"
#include "supervisor/events.hpp"
#include "supervisor/logs.hpp"
#include "support/error.hpp"

namespace vmfleet::driver {

using supervisor::Mode;
using supervisor::Place;

namespace {

Place place_of(const std::filesystem::path& folder, const std::string& name) {
  return {name, folder / name, folder / (name + ".sockets")};
}

}  // namespace

struct MemoryDriver::Life {
  explicit Life(const Place& place)
      : engine(place, {},
               {world.machines, world.checks, world.balancer, [this] { return now; },
                [this] { return now.count() / 1000; }}) {}

  void second() {
    now += std::chrono::seconds(1);
    engine.tick();
  }
  void until_finished() {
    while (!engine.finished())
      second();
  }

  World world;
  fleet::Milliseconds now{1'000'000};
  supervisor::Engine engine;
};

class MemoryFleet : public Fleet {
 public:
  MemoryFleet(MemoryDriver& driver, const std::string& name)
      : driver_(driver), name_(name), place_(place_of(driver.folder(), name)) {}

  const std::string& name() const override { return name_; }
  bool exists() override { return driver_.lives_.contains(name_); }
  std::optional<fleet::Spec> spec() override {
    return exists() ? std::optional(engine().state().current->spec) : std::nullopt;
  }
  fleet::Status status() override {
    if (engine().mode() == Mode::Running)
      life().second();
    return engine().status();
  }
  void check(const Wanted&) override {}
  Change apply(const Wanted& wanted) override {
    const auto change = driver_.begin(name_).engine.apply(
        wanted.spec, vmimage::recipe::to_json(wanted.manifest), wanted.rollout);
    return {change.changed, change.was_stopped, rollout()};
  }
  Change roll_back() override {
    engine().roll_back("");
    return {true, false, rollout()};
  }
  void undo() override { engine().undo(); }
  Change scale(int count) override {
    engine().scale(count);
    return {true, false, rollout()};
  }
  void autoscale(const std::optional<fleet::Autoscale>& autoscale) override { engine().autoscale(autoscale); }
  Change restart() override {
    engine().restart();
    return {true, false, rollout()};
  }
  Change start() override {
    engine().set_mode(Mode::Running);
    return {true, true, rollout()};
  }
  void stop() override {
    engine().set_mode(Mode::Stopped);
    life().until_finished();
  }
  void down(Volumes) override {
    engine().set_mode(Mode::Removing);
    life().until_finished();
    driver_.lives_.erase(name_);
    std::filesystem::remove_all(place_.root);
  }
  std::string volumes() override { return ""; }
  void debug(const std::string& id, bool end) override { end ? engine().end_debug(id) : engine().debug(id); }
  std::vector<fleet::Event> events() override { return supervisor::read_events(place_.events()); }
  std::vector<std::string> logged() override { return supervisor::logged(place_.logs()); }
  std::unique_ptr<Log> log(const std::string& id) override {
    return std::make_unique<supervisor::LogReader>(place_.log(id));
  }

 private:
  MemoryDriver::Life& life() {
    const auto found = driver_.lives_.find(name_);
    if (found == driver_.lives_.end())
      throw vmimage::support::invalid("there is no fleet '" + name_ + "'");
    return *found->second;
  }
  supervisor::Engine& engine() { return life().engine; }
  int rollout() { return engine().status().rollout.number; }

  MemoryDriver& driver_;
  std::string name_;
  Place place_;
};

MemoryDriver::MemoryDriver() = default;
MemoryDriver::~MemoryDriver() = default;

const std::string& MemoryDriver::name() const {
  static const std::string name = "memory";
  return name;
}

std::vector<std::string> MemoryDriver::fleets() {
  std::vector<std::string> names;
  for (const auto& [name, life] : lives_)
    names.push_back(name);
  return names;
}

std::unique_ptr<Fleet> MemoryDriver::fleet(const std::string& name) {
  return std::make_unique<MemoryFleet>(*this, name);
}

MemoryDriver::World& MemoryDriver::world(const std::string& fleet) {
  return lives_.at(fleet)->world;
}

MemoryDriver::Life& MemoryDriver::begin(const std::string& name) {
  auto& life = lives_[name];
  if (!life) {
    const auto place = place_of(folder(), name);
    std::filesystem::create_directories(place.logs());
    life = std::make_unique<Life>(place);
    life->world.checks.well = [this, &machines = life->world.machines](const std::string& id) {
      const auto known = machines.known.find(id);
      return known != machines.known.end() && known->second.manifest->digest != broken;
    };
  }
  return *life;
}

}  // namespace vmfleet::driver
