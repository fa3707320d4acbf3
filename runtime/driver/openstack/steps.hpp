#pragma once
// How a fleet's two groups are led to what it shall be: their next sizes, who of their servers takes
// requests, and how far the rollout is. Pure; each look is compared with what shall be, so that whoever looks
// next goes on.

#include <cstdint>
#include <string>
#include <vector>

#include "driver/openstack/record.hpp"

namespace vmfleet::driver::openstack {

/// A server of one of the groups.
struct Member {
  std::string id;              ///< Nova's
  bool healthy = false;        ///< by the balancer's checks
  bool idle = false;           ///< it drains, and has no requests any more, or has had its time for them
  std::uint64_t requests = 0;  ///< answered, as the balancer counts
  std::uint64_t errors = 0;
};

struct Seen {
  std::vector<Member> current;  ///< those that the group would remove first in front
  std::vector<Member> other;
  int current_size = 0;  ///< what Heat was told; servers may still be made
  int other_size = 0;
};

struct Step {
  fleet::Rollout rollout;
  std::string failure = {};  ///< why it has to go back; empty: it does not
  int current_size = 0;
  int other_size = 0;
  std::vector<std::string> drain =
      {};             ///< servers that get no requests: those to be removed, and who is not tried yet
  bool done = false;  ///< nothing is left to do
};

Step next_step(const Record& record, const Seen& seen, fleet::Milliseconds now);

/// The size of the current group with which a change begins, beside so many servers of the other one.
int first_size(const Record& record, int other_size);

/// The record of a fleet that goes to what its other group has (a change to it, or back).
Record turned(const Record& record, const fleet::RolloutRules& rules, bool back, const std::string& reason,
              bool takes_requests, fleet::Milliseconds now);

}  // namespace vmfleet::driver::openstack
