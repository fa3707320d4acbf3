#pragma once
// What AWS says of a fleet, read from its answers. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "driver/aws/instance_type.hpp"
#include "fleet/event.hpp"

namespace vmfleet::driver::aws {

struct Stack {
  std::string id;
  std::string status;        ///< CREATE_IN_PROGRESS, UPDATE_ROLLBACK_COMPLETE …
  std::string reason;        ///< of the status
  std::int64_t changed = 0;  ///< when it was last told anything; seconds since the epoch
  std::map<std::string, std::string> outputs;

  bool busy() const { return status.ends_with("_IN_PROGRESS"); }
  /// It is back at what it was before the last change, or on its way there.
  bool back() const { return status.starts_with("UPDATE_ROLLBACK_"); }
  /// It never came to be.
  bool stillborn() const { return status.starts_with("ROLLBACK_") || status == "CREATE_FAILED"; }
  /// Nothing but a person can lead it on.
  bool stuck() const { return status.ends_with("_FAILED"); }
};
Stack read_stack(const pugi::xml_node& node);  ///< a member of DescribeStacks

/// One thing that happened to a stack.
struct StackEvent {
  std::int64_t time = 0;
  std::string resource;  ///< its name in the template, or the stack's own
  std::string status;
  std::string reason;
};
StackEvent read_stack_event(const pugi::xml_node& node);

/// The first failure of the last change, in words; empty: there was none. Events: the newest first.
std::string reason_of(const std::vector<StackEvent>& events);

struct Member {
  std::string id;       ///< EC2's
  std::string state;    ///< of its life in the group: Pending, InService, Terminating …
  std::string version;  ///< of the launch template
};
struct Group {
  std::string name;
  std::string status;   ///< empty, or that it is being deleted
  std::string version;  ///< of the launch template
  int least = 0;
  int most = 0;
  int desired = 0;
  std::vector<Member> members;
};
Group read_group(const pugi::xml_node& node);

/// One of a group's launches or terminations.
struct Activity {
  std::int64_t time = 0;
  std::string instance;  ///< EC2's; empty: there is none
  std::string description;
  std::string status;  ///< Successful, Failed …
  std::string message;
};
Activity read_activity(const pugi::xml_node& node);

struct Instance {
  std::string id;
  std::string state;  ///< pending, running, terminated …
  std::string address;
  std::string ami;
  std::int64_t started = 0;
  std::string why;  ///< it is in that state; empty: not known
};
Instance read_instance(const pugi::xml_node& node);

/// What the balancer knows of an instance.
struct Target {
  std::string state;  ///< initial, healthy, unhealthy, unused, draining …
  std::string reason;
};
std::pair<std::string, Target> read_target(const pugi::xml_node& node);

InstanceType read_instance_type(const pugi::xml_node& node);

/// What people read as `vmfleet events`.
fleet::Event to_event(const StackEvent& one);
fleet::Event to_event(const Activity& one);  ///< with EC2's name of the instance

}  // namespace vmfleet::driver::aws
