#pragma once
// The parts `health`, `rollout` and `autoscale` of a fleet spec as JSON (docs/fleet-spec.schema.json). Pure.

#include <optional>

#include "fleet/autoscale.hpp"
#include "fleet/rollout.hpp"
#include "support/json.hpp"

namespace vmfleet::fleet {

/// What is absent is as `base` has it. All throw Error{Usage}.
Rules read_health(vmimage::support::Fields fields, const Rules& base);
RolloutRules read_rollout(vmimage::support::Fields fields, const RolloutRules& base);
Autoscale read_autoscale(vmimage::support::Fields fields);

vmimage::support::json to_json(const Rules& rules);
vmimage::support::json to_json(const RolloutRules& rules);
vmimage::support::json to_json(const Autoscale& autoscale);

/// A change that is under way, as states have it; throws when it is none.
vmimage::support::json to_json(const Rollout& rollout);
Rollout parse_rollout(const vmimage::support::json& document, const std::string& where);

/// "cpu=60", "requests=200" or "response=50"; throws Error{Usage}.
Target parse_target(const std::string& text);
std::string to_string(const Target& target);

}  // namespace vmfleet::fleet
