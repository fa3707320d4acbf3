#pragma once
// What is to be done next so that a fleet becomes what it shall be: a pure function, the same on every
// driver.

#include <set>
#include <string>
#include <vector>

#include "fleet/rollout.hpp"

namespace vmfleet::fleet {

/// An instance as the plan sees it. `generation` stands for all that it was made from: image, environment,
/// size. One whose generation is not the desired one is outdated, and is to be replaced.
struct Instance {
  std::string id;
  std::string generation = {};
  State state = State::Starting;
  Milliseconds since{0};     ///< when it entered the state
  bool alive = true;         ///< its machine runs
  unsigned connections = 0;  ///< requests on their way; of interest while draining
  int volumes = 0;           ///< the number of the set of volumes that it holds until it is gone; 0: none
};

struct Desired {
  int count = 0;
  std::string generation = {};
  std::string previous = {};  ///< the generation before, while it can still be started; empty: it cannot
  Rollout rollout = {};       ///< how it goes from one to the other
  std::set<std::string> with_volumes = {};  ///< generations whose instances hold volumes
  bool over = false;                        ///< it is stopped or removed: also what was set aside ends
};

struct Observed {
  Milliseconds now{0};
  std::vector<Instance> instances;  ///< oldest first
  Backoff backoff;
};

enum class ActionKind {
  Start,     ///< one more instance, of the generation that the action names
  Drain,     ///< gets no new requests
  PowerOff,  ///< its power button is pressed
  Kill,      ///< its machine is ended
  Forget,    ///< it is gone: remove what it left
};

struct Action {
  ActionKind kind = ActionKind::Start;
  std::string id;   ///< of an instance; for Start, of a generation
  int volumes = 0;  ///< for Start: the set of volumes that it gets; 0: none
  bool operator==(const Action&) const = default;
};

/// Volumes: there is a set of them for each instance that is wanted, numbered from 1. An instance holds its
/// set until it is gone, and only then another one is started with it. So none is started above the count,
/// and of too many those end whose sets are above it.
std::vector<Action> plan(const Desired& desired, const Observed& observed, const Rules& rules = {});

/// Whether an instance is one that the fleet counts on: neither on its way out nor set aside.
bool serves(const Instance& instance);
/// Whether it gets requests now.
bool takes_requests(const Instance& instance, const Desired& desired);

/// What the rollout goes by; requests and errors are left out.
Progress progress_of(const Desired& desired, const std::vector<Instance>& instances);

/// Whether a fleet is what it shall be: the desired count healthy, of the desired generation, and nothing
/// else but old ones that are kept to go back to, and what was set aside.
bool settled(const Desired& desired, const std::vector<Instance>& instances);

}  // namespace vmfleet::fleet
