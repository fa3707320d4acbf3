#pragma once
// What a fleet's stack keeps of it, as JSON in a parameter: whoever may look at the stack can go on with the
// fleet, from any machine. Pure.

#include <map>
#include <string>

#include "fleet/rollout.hpp"
#include "fleet/spec.hpp"

namespace vmfleet::driver::openstack {

/// One of the two groups of servers that take turns: what its servers are made of.
struct Group {
  std::string generation;  ///< digest of all that; empty: it never had any
  std::string image;       ///< the file that was published, for people
  std::string settings;    ///< which of the stack's two parameters has its user data: "1" or "2"
  fleet::Spec spec;        ///< that it was made by
  bool operator==(const Group&) const = default;
};

struct Record {
  fleet::Spec spec;  ///< what the fleet shall be
  bool stopped = false;
  std::string current = "a";  ///< the group of that; the other one has what was before
  std::map<std::string, Group> groups;
  fleet::Rollout rollout;  ///< times: milliseconds since the epoch
  int port = 0;            ///< the service's main TCP port, in its servers
  bool checked = false;    ///< its health is asked for
  /// The parameters of its groups that Heat was told, by name: what differs from them was changed by hand.
  std::map<std::string, std::string> told = {};

  std::string other() const { return current == "a" ? "b" : "a"; }
  bool operator==(const Record&) const = default;
};

/// Those of a stack's parameters that `told` keeps.
std::map<std::string, std::string> parameters_of_groups(const std::map<std::string, std::string>& parameters);
/// What was changed by hand, for people; empty: nothing was.
std::string drift(const Record& record, const std::map<std::string, std::string>& parameters);

std::string to_json(const Record& record);
/// Throws Error{Failure} that starts with `where` when it is none of ours, or a later version's.
Record parse_record(const std::string& text, const std::string& where);

}  // namespace vmfleet::driver::openstack
