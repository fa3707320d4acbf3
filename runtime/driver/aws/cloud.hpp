#pragma once
// The calls to CloudFormation, Auto Scaling, Elastic Load Balancing and EC2 that a fleet needs. What the
// answers mean is in answers.hpp.

#include <optional>
#include <string>
#include <vector>

#include "driver/aws/answers.hpp"
#include "driver/aws/record.hpp"
#include "publish/aws/query.hpp"

namespace vmfleet::driver::aws {

enum class Told { Changed, WasSo };

class Cloud {
 public:
  /// As vmimage::publish::aws::Identity.
  Cloud(const std::string& profile, const std::string& region);
  const std::string& region() const { return identity_.region(); }

  // CloudFormation
  std::vector<std::string> fleets();  ///< the names of those that have a stack
  std::optional<Stack> stack(const std::string& name);
  std::string template_of(const std::string& stack);
  std::map<std::string, std::string> resources(const std::string& stack);  ///< logical → physical name
  void create(const std::string& stack, const std::string& text, const std::string& fleet);
  Told update(const std::string& stack, const std::string& text);
  void cancel_update(const std::string& stack);
  void remove(const std::string& stack);
  enum class Signal { Success, Failure };
  /// Of an instance of the group. Not wanted any more: nothing happens.
  void signal(const std::string& stack, const std::string& resource, const std::string& instance,
              Signal signal);
  std::vector<StackEvent> stack_events(const std::string& stack);  ///< the newest first
  /// What a template would change, a line for each resource; the stack stays as it is.
  std::vector<std::string> changes(const std::string& stack, const std::string& text);

  // Auto Scaling
  std::vector<Group> groups(const std::string& fleet);
  std::vector<Activity> activities(const std::string& group);  ///< the newest first
  std::optional<Activity> last_activity(const std::string& group);
  void resize(const std::string& group, const Sizes& sizes);
  /// Replaces all instances by their like.
  void refresh(const std::string& group, const fleet::RolloutRules& rules, int count,
               fleet::Milliseconds warmup);
  bool refreshing(const std::string& group);

  // Elastic Load Balancing
  std::map<std::string, Target> targets(const std::string& target_group);

  // EC2
  std::vector<Instance> instances(const std::string& fleet);
  std::string console(const std::string& instance);  ///< empty: there is none (yet)
  std::optional<InstanceType> instance_type(const std::string& name);
  Network network(const std::vector<std::string>& subnets);
  bool has_image(const std::string& ami);

 private:
  vmimage::publish::aws::Identity identity_;
  vmimage::publish::aws::Endpoint formation_place_, scaling_place_, balancing_place_, ec2_place_;
  vmimage::publish::aws::Query formation_, scaling_, balancing_, ec2_;
};

}  // namespace vmfleet::driver::aws
