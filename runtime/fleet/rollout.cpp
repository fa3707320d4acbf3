#include "fleet/rollout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "support/error.hpp"

namespace vmfleet::fleet {

using vmimage::support::invalid;

namespace {

constexpr std::array<const char*, 4> kStrategies{"rolling", "blue-green", "canary", "all-at-once"};
constexpr std::array<const char*, 6> kPhases{"canary", "baking", "beside", "kept", "replacing", "done"};

template <typename Value, std::size_t N>
Value parse_name(const std::array<const char*, N>& names, const std::string& text, const char* what) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end())
    throw invalid(fmt::format("'{}' is no {}", text, what),
                  fmt::format("known are: {}", fmt::join(names, ", ")));
  return static_cast<Value>(found - names.begin());
}

Rollout enter(Rollout rollout, Phase phase, Milliseconds now) {
  rollout.phase = phase;
  rollout.since = now;
  return rollout;
}

int canaries(const Rollout& rollout, int count) {
  return std::clamp(rollout.rules.canary.of(count), 1, std::max(count, 1));
}

/// More errors than are allowed among the canaries' answers.
bool too_many_errors(const Rollout& rollout, const Progress& progress) {
  return progress.errors * 100 > static_cast<std::uint64_t>(rollout.rules.max_errors) * progress.requests;
}

std::string failure_of(const Rollout& rollout, const Progress& progress, Milliseconds now) {
  if (rollout.back || rollout.phase == Phase::Kept || rollout.phase == Phase::Done)
    return {};
  if (rollout.failures >= rollout.rules.failures)
    return fmt::format("{} new instances in a row failed", rollout.failures);
  if (rollout.phase == Phase::Baking && progress.healthy < canaries(rollout, progress.count))
    return "a canary did not stay healthy";
  if ((rollout.phase == Phase::Canary || rollout.phase == Phase::Baking) &&
      too_many_errors(rollout, progress))
    return fmt::format("{} of {} answers of the canary were errors, more than {} %", progress.errors,
                       progress.requests, rollout.rules.max_errors);
  if (rollout.phase != Phase::Baking && progress.healthy < progress.count &&
      now - rollout.progress >= rollout.rules.limit)
    return fmt::format("no further new instance became healthy within {} s",
                       std::chrono::duration_cast<std::chrono::seconds>(rollout.rules.limit).count());
  return {};
}

}  // namespace

std::string to_string(Strategy strategy) {
  return kStrategies.at(static_cast<std::size_t>(strategy));
}

Strategy parse_strategy(const std::string& text) {
  return parse_name<Strategy>(kStrategies, text, "strategy");
}

std::string to_string(Phase phase) {
  return kPhases.at(static_cast<std::size_t>(phase));
}

Phase parse_phase(const std::string& text) {
  return parse_name<Phase>(kPhases, text, "phase of a rollout");
}

int Share::of(int count) const {
  return percent ? (count * number + 99) / 100 : number;
}

Share parse_share(const std::string& text) {
  const bool percent = text.ends_with('%');
  const std::string digits = text.substr(0, text.size() - (percent ? 1 : 0));
  const bool number =
      !digits.empty() && digits.size() <= 4 && digits.find_first_not_of("0123456789") == std::string::npos;
  if (!number || (percent && std::stoi(digits) > 100))
    throw invalid(fmt::format("'{}' is no number of instances", text),
                  "give one like 2, or a share like 25%");
  return {std::stoi(digits), percent};
}

std::string to_string(const Share& share) {
  return fmt::format("{}{}", share.number, share.percent ? "%" : "");
}

Rollout begin(int number, const RolloutRules& rules, bool back, bool takes_requests, Milliseconds now) {
  Rollout rollout{
      .number = number, .from = {}, .to = {}, .rules = rules, .progress = now, .back = back, .reason = {}};
  const Phase first = takes_requests                                ? Phase::Replacing
                      : rules.strategy == Strategy::BlueGreen       ? Phase::Beside
                      : rules.strategy == Strategy::Canary && !back ? Phase::Canary
                                                                    : Phase::Replacing;
  return enter(rollout, first, now);
}

bool under_way(const Rollout& rollout) {
  return rollout.phase != Phase::Done && rollout.phase != Phase::Kept;
}

Step advance(const Rollout& rollout, const Progress& progress, Milliseconds now) {
  Rollout next = rollout;
  if (progress.healthy > next.best) {
    next.best = progress.healthy;
    next.progress = now;
    next.failures = 0;
  }
  // With nothing to be kept, or wanted, there is nothing to try first.
  if ((progress.count == 0 || progress.outdated == 0) && next.phase != Phase::Done)
    next = enter(next, Phase::Replacing, now);
  if (const std::string failure = failure_of(next, progress, now); !failure.empty())
    return {next, failure};
  const bool all = progress.healthy >= progress.count;
  switch (next.phase) {
    case Phase::Canary:
      if (progress.healthy >= canaries(next, progress.count))
        next = enter(next, Phase::Baking, now);
      break;
    case Phase::Baking:
      if (now - next.since >= next.rules.bake) {
        next = enter(next, Phase::Replacing, now);
        next.progress = now;
      }
      break;
    case Phase::Beside:
      if (all)
        next = enter(next, next.back ? Phase::Replacing : Phase::Kept, now);
      break;
    case Phase::Kept:
      if (now - next.since >= next.rules.keep_old || progress.outdated == 0)
        next = enter(next, Phase::Replacing, now);
      break;
    case Phase::Replacing:
      if (all && progress.outdated == 0)
        next = enter(next, Phase::Done, now);
      break;
    case Phase::Done:
      break;
  }
  return {next};
}

Limits limits(const Rollout& rollout, int count) {
  switch (rollout.phase) {
    case Phase::Canary:
    case Phase::Baking: {
      const int first = canaries(rollout, count);
      return {
          .most_new = first, .most = count + first, .batch = first, .least_healthy = count, .hold_old = true};
    }
    case Phase::Beside:
      return {.most_new = count, .most = 2 * count, .batch = count, .least_healthy = count, .hold_old = true};
    case Phase::Kept:
      return {.most_new = count, .most = 2 * count, .batch = count, .least_healthy = count, .keep_old = true};
    default:
      break;
  }
  if (rollout.rules.strategy == Strategy::AllAtOnce)
    return {.most_new = count, .most = count, .batch = count, .least_healthy = 0};
  const int surge = rollout.rules.surge.of(count);
  // With no room above, one at least has to go first, or nothing would ever change.
  const int least = std::min({rollout.rules.min_healthy.of(count), count, count + surge - 1});
  return {.most_new = count,
          .most = count + surge,
          .batch = std::max(1, rollout.rules.batch.of(count)),
          .least_healthy = std::max(0, least)};
}

Traffic traffic(const Rollout& rollout) {
  return rollout.phase == Phase::Beside ? Traffic::OnlyOld
         : rollout.phase == Phase::Kept ? Traffic::OnlyNew
                                        : Traffic::All;
}

}  // namespace vmfleet::fleet
