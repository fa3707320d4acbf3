// vmimage cache: what the cache holds, and its bound.

#include "cache/cache.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <memory>

#include "command/command.hpp"
#include "command/print.hpp"
#include "recipe/service.hpp"

namespace vmimage::command {

namespace {

void print(const cache::Cache::Usage& entry) {
  fmt::print("{:<8} {:.12} {:>10}  {:%Y-%m-%d %H:%M}\n", entry.kind, entry.key,
             recipe::format_size(entry.bytes), fmt::localtime(static_cast<std::time_t>(entry.last_used)));
}

void info_json(const cache::Cache& cache) {
  support::json entries = support::json::array();
  std::uint64_t total = 0;
  for (const auto& entry : cache.usage()) {
    entries.push_back(
        {{"kind", entry.kind}, {"key", entry.key}, {"size", entry.bytes}, {"last_used", entry.last_used}});
    total += entry.bytes;
  }
  print_json({{"version", 1}, {"folder", cache.root().string()}, {"size", total}, {"entries", entries}});
}

void info(bool json) {
  const cache::Cache cache;
  if (json)
    return info_json(cache);
  std::uint64_t total = 0;
  for (const auto& entry : cache.usage()) {
    print(entry);
    total += entry.bytes;
  }
  fmt::print("{} in {}\n", recipe::format_size(total), cache.root().string());
}

}  // namespace

void add_cache(CLI::App& app) {
  CLI::App* command = app.add_subcommand("cache", "What was made once and is kept");
  command->require_subcommand(1);
  CLI::App* list = command->add_subcommand("info", "Lists what is kept, least recently used first");
  auto json = std::make_shared<bool>(false);
  list->add_flag("--json", *json, "For programs");
  list->callback([json] { info(*json); });
  CLI::App* prune = command->add_subcommand("prune", "Removes what was used least recently");
  auto keep = std::make_shared<std::string>("0");
  prune->add_option("--keep", *keep, "How much may stay, like 5G (default: nothing)")->type_name("SIZE");
  prune->callback([keep] {
    for (const auto& entry : cache::Cache().prune(*keep == "0" ? 0 : recipe::parse_size(*keep)))
      print(entry);
  });
}

}  // namespace vmimage::command
