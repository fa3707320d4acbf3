#pragma once
// What a look at a fleet's parts comes to: its status, what CloudFormation is to be told, and what somebody
// has changed by hand. Pure.

#include <map>
#include <string>
#include <vector>

#include "driver/aws/answers.hpp"
#include "driver/aws/record.hpp"
#include "fleet/status.hpp"

namespace vmfleet::driver::aws {

/// All that was seen at one time.
struct Look {
  Stack stack;
  Record record;
  std::map<std::string, std::string> resources;  ///< logical → physical name
  std::vector<Group> groups;
  std::vector<Instance> instances;
  std::map<std::string, Target> targets;  ///< by instance
  bool refreshing = false;                ///< its instances are being replaced by their like
  int told = 0;                           ///< number of the last rollout that was ordered from here
  std::string reason = {};                ///< why the last change of the stack failed
  std::string problem = {};               ///< why the last launch of an instance failed

  /// Why the stack is as it is, as far as is known.
  const std::string& why() const { return reason.empty() ? stack.reason : reason; }
  /// The group that takes part in what the stack shall be; nullptr: there is none yet.
  const Group* group() const;
};

/// "orders-0123456789abcdef0" of "i-0123456789abcdef0", and back.
std::string name_of(const std::string& fleet, const std::string& instance);
std::string instance_of(const std::string& fleet, const std::string& name);

fleet::Status to_status(const Look& look);

/// New instances that are healthy, while CloudFormation waits for such.
std::vector<std::string> to_signal(const Look& look);

/// What was changed behind vmfleet's back, for people; empty: nothing.
std::string drift(const Look& look);

/// The record as it stands: what CloudFormation has taken back, was a rollout, too.
Record present(const Look& look);

}  // namespace vmfleet::driver::aws
