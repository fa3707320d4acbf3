#pragma once
// One fleet on AWS: its orders are changes of its stack (fleet.cpp), and its status is what the stack, the
// group and the balancer say (look.cpp).

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <set>

#include "driver/aws/cloud.hpp"
#include "driver/aws/options.hpp"
#include "driver/aws/sight.hpp"
#include "driver/driver.hpp"
#include "driver/note.hpp"
#include "support/error.hpp"

namespace vmfleet::driver::aws {

class AwsFleet : public Fleet {
 public:
  explicit AwsFleet(std::string name)
      : name_(std::move(name)), stack_("vmfleet-" + name_), note_("aws", name_) {}

  /// That it is there, for the commands on this machine.
  void remember(const std::string& profile, const std::string& region);

  const std::string& name() const override { return name_; }
  bool exists() override { return note_.exists() && cloud().stack(stack_).has_value(); }
  std::optional<fleet::Spec> spec() override;

  void check(const Wanted& wanted) override;
  std::string plan(const Wanted& wanted) override;
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
    throw vmimage::support::invalid(
        fmt::format("'{}' cannot be set aside by vmfleet", id),
        fmt::format("'aws autoscaling enter-standby' does that, with --instance-ids {}",
                    instance_of(name_, id)));
  }
  fleet::Status status() override;
  std::vector<fleet::Event> events() override;
  std::vector<std::string> logged() override;
  std::unique_ptr<Log> log(const std::string& id) override;

 private:
  Cloud& cloud();

  Launch launch_of(const Wanted& wanted, const std::string& ami);
  Record record_for(const Wanted& wanted, const std::string& ami, const std::optional<Look>& look);
  Change change(const Look& look, const Record& record);

  std::optional<Look> find();
  Look require();
  Look idle();  ///< once CloudFormation has done what it was told last
  void help(const Look& look);

  std::string name_;
  std::string stack_;
  Note note_;
  std::optional<Cloud> cloud_;
  std::optional<fleet::Status> last_;
  std::chrono::steady_clock::time_point looked_;
  std::string kept_for_;  ///< what the next three were read at
  std::optional<Record> record_;
  std::map<std::string, std::string> resources_;
  std::string reason_;
  std::set<std::string> signalled_;
  int told_ = 0;  ///< number of the last rollout that was ordered from here
};

}  // namespace vmfleet::driver::aws
