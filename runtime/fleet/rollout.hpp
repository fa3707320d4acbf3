#pragma once
// How a fleet goes from one generation of instances to the next: how far it is, and what that allows. Pure.
//
//   rolling, all-at-once   ─────────────────────────────────────────▶ replacing ─▶ done
//   canary                 canary ─▶ baking ────────────────────────▶ replacing ─▶ done
//   blue-green             beside ─▶ kept (the old ones, for a while) ▶ replacing ─▶ done

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fleet/instance.hpp"

namespace vmfleet::fleet {

enum class Strategy { Rolling, BlueGreen, Canary, AllAtOnce };
std::string to_string(Strategy strategy);          ///< "rolling" | "blue-green" | "canary" | "all-at-once"
Strategy parse_strategy(const std::string& text);  ///< throws Error{Usage}

/// A number of instances, or a share of those that are wanted.
struct Share {
  int number = 0;
  bool percent = false;
  bool operator==(const Share&) const = default;

  int of(int count) const;  ///< a percentage is rounded up
};
Share parse_share(const std::string& text);  ///< "2" or "25%"; throws Error{Usage}
std::string to_string(const Share& share);

struct RolloutRules {
  Strategy strategy = Strategy::Rolling;
  Share batch{1, false};                         ///< new instances on their way at once (rolling)
  Share surge{1, false};                         ///< instances above the desired count (rolling)
  Share min_healthy{100, true};                  ///< of the desired count, while old ones are ended (rolling)
  Share canary{1, false};                        ///< new instances that are tried first
  Milliseconds bake = std::chrono::seconds(60);  ///< how long they are tried
  int max_errors = 1;                            ///< percent of the canaries' answers
  Milliseconds keep_old = std::chrono::minutes(5);  ///< blue-green: old ones stay so long after the switch
  Milliseconds limit = std::chrono::minutes(5);     ///< with no further healthy instance: it goes back
  int failures = 3;  ///< new instances that fail quickly in a row: it goes back
  bool operator==(const RolloutRules&) const = default;
};

enum class Phase { Canary, Baking, Beside, Kept, Replacing, Done };
std::string to_string(Phase phase);
Phase parse_phase(const std::string& text);  ///< throws Error{Usage}

/// A change under way, or the last one.
struct Rollout {
  int number = 0;    ///< one more for each
  std::string from;  ///< what the images are called, for people
  std::string to;
  RolloutRules rules;  ///< by which it goes
  Phase phase = Phase::Done;
  Milliseconds since{0};     ///< when it entered the phase
  Milliseconds progress{0};  ///< when there was last one more healthy instance of the new generation
  int best = 0;              ///< the most of them so far
  int failures = 0;          ///< of new instances since then: quick ones, in a row
  bool back = false;         ///< undoes the one before, for this reason
  std::string reason;
  bool operator==(const Rollout&) const = default;
};

/// A change of a fleet. One that goes back tries nothing and keeps nothing; one to a generation that takes
/// requests already has nothing to try.
Rollout begin(int number, const RolloutRules& rules, bool back, bool takes_requests, Milliseconds now);

/// Whether it is not known yet that the new generation does well.
bool under_way(const Rollout& rollout);

/// What a rollout goes by.
struct Progress {
  int count = 0;               ///< desired
  int healthy = 0;             ///< of the new generation
  int outdated = 0;            ///< serving instances of others
  std::uint64_t requests = 0;  ///< answered by the new generation's instances
  std::uint64_t errors = 0;    ///< of these
};

struct Step {
  Rollout rollout;
  std::string failure = {};  ///< why it has to go back; empty: it does not
};

/// How the rollout stands after what was seen.
Step advance(const Rollout& rollout, const Progress& progress, Milliseconds now);

/// What the present phase allows.
struct Limits {
  int most_new = 0;       ///< instances of the new generation
  int most = 0;           ///< instances that serve, of all generations
  int batch = 0;          ///< of the new generation that are not healthy yet
  int least_healthy = 0;  ///< of all generations
  bool hold_old =
      false;  ///< as many old ones as are desired stay; those that fail are replaced by their like
  bool keep_old = false;  ///< healthy old ones stay
};
Limits limits(const Rollout& rollout, int count);

/// Which generations get requests.
enum class Traffic { All, OnlyOld, OnlyNew };
Traffic traffic(const Rollout& rollout);

}  // namespace vmfleet::fleet
