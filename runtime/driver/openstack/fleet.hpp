#pragma once
// One fleet in an OpenStack cloud: what it shall be (fleet.cpp), and what it is and what comes next
// (look.cpp).

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <optional>

#include "balancer/config.hpp"
#include "driver/driver.hpp"
#include "driver/note.hpp"
#include "driver/openstack/cloud.hpp"
#include "driver/openstack/front.hpp"
#include "driver/openstack/key.hpp"
#include "driver/openstack/options.hpp"
#include "driver/openstack/record.hpp"
#include "driver/openstack/steps.hpp"
#include "support/error.hpp"

namespace vmfleet::driver::openstack {

/// Since the epoch: the clock of records, which are read on any machine.
fleet::Milliseconds now();

class OpenstackFleet : public Fleet {
 public:
  explicit OpenstackFleet(std::string name)
      : name_(std::move(name)),
        stack_name_(fmt::format("{}{}", kStackPrefix, name_)),
        note_("openstack", name_) {}

  /// That it is there, for the commands on this machine.
  void remember(const Options& options);

  const std::string& name() const override { return name_; }
  bool exists() override { return note_.exists() && find().has_value(); }
  std::optional<fleet::Spec> spec() override {
    const auto stack = note_.exists() ? find() : std::nullopt;
    return stack ? std::optional(record_of(*stack).spec) : std::nullopt;
  }

  void check(const Wanted& wanted) override;
  Change apply(const Wanted& wanted) override;
  Change roll_back() override;
  void undo() override;
  Change scale(int count) override;
  void autoscale(const std::optional<fleet::Autoscale>& autoscale) override;
  Change restart() override;
  Change start() override;
  void stop() override;
  void down(Volumes) override;
  std::string volumes() override { return ""; }
  void debug(const std::string& id, bool) override {
    throw vmimage::support::invalid(fmt::format("'{}' cannot be set aside: Heat has no means for that", id));
  }
  fleet::Status status() override;
  std::vector<fleet::Event> events() override {
    return cloud().events(stack_name_, require(), [this](const std::string& id) { return name_of(id); });
  }
  std::vector<std::string> logged() override;
  std::unique_ptr<Log> log(const std::string& id) override;

 private:
  struct Made {
    std::string image;
    std::string flavor;
    std::string user_data;
    std::string generation;
  };
  struct Look {
    Stack stack;
    Record told;    ///< what the stack says
    Record record;  ///< what follows from it now
    std::vector<Server> servers;
    std::map<std::string, balancer::ServerSight> sights;  ///< by address
    std::string problem;

    /// A problem, unless there is one: Heat's and Nova's come first, and others follow from them.
    void say(const std::string& text) {
      if (problem.empty())
        problem = text;
    }
    const Server* server(const std::string& id) const;               ///< nullptr: there is none
    const balancer::ServerSight* sight(const Server& server) const;  ///< nullptr: not led to
    std::vector<std::string> group(const std::string& name) const;
    int size(const std::string& group) const;  ///< that Heat was told
  };

  Cloud& cloud();
  std::optional<Stack> find() { return cloud().find(stack_name_); }
  Stack require();
  Record record_of(const Stack& stack) const {
    return parse_record(stack.parameters.at("fleet"), "the stack '" + stack_name_ + "'");
  }
  std::string name_of(const std::string& server) const { return name_ + "-" + server.substr(0, 8); }

  Made make(const Wanted& wanted);
  Change create(const Wanted& wanted, const Made& made);
  Change change(const Stack& stack, const Wanted& wanted, const Made& made);
  void tell(const Stack& stack, const Record& record, std::map<std::string, std::string> parameters = {});
  void turn_back(const Stack& stack, const Record& record, const std::string& reason);
  bool works_on(const Stack& stack);
  Stack wait_until_idle();

  Look look();
  void keep(Look& look);
  std::vector<Member> members_of(const Look& look, const std::string& group) const;
  bool lead(Look& look, const Seen& seen, const Step& step);
  std::string fault_of(const Look& look, const std::string& id) const;
  void tell_next(const Look& look, const Seen& seen, const Step& step);
  void save_console(const Server& server);
  fleet::Status tell_status(const Look& look) const;
  fleet::InstanceStatus tell_instance(const Look& look, const Server& server) const;
  std::string ask_balancer(const Stack& stack, const std::string& commands) const {
    return ask_by_tls(stack.address, kControlPort, stack.parameters.at("key"), commands);
  }

  std::string name_;
  std::string stack_name_;
  Note note_;  ///< with the consoles of servers that are gone
  std::optional<Cloud> cloud_;
  std::optional<fleet::Status> last_;
  std::chrono::steady_clock::time_point looked_;
  std::optional<fleet::Rollout> progress_;
  std::map<std::string, std::chrono::steady_clock::time_point> draining_;  ///< by server: since when
  std::int64_t told_ = 0;  ///< when Heat was told anything from here, in seconds since the epoch
  bool done_ = false;
};

}  // namespace vmfleet::driver::openstack
