#include "driver/local/memory.hpp"

#include "driver/local/process.hpp"
#include "fleet/memory.hpp"
#include "recipe/manifest.hpp"
#include "supervisor/damage.hpp"
#include "supervisor/place.hpp"
#include "support/file.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace recipe = vmimage::recipe;
namespace support = vmimage::support;
using supervisor::FleetState;

namespace {

std::uint64_t available() {
  return fleet::available_memory(support::read_file("/proc/meminfo"));
}

/// What the fleet's instances have now.
std::uint64_t had_by(const FleetState& state) {
  std::uint64_t bytes = 0;
  for (const auto& record : state.instances)
    if (record.running && is_alive({record.running->pid, record.running->start_time}))
      bytes += use_of(record.running->pid).memory;
  return bytes;
}

}  // namespace

void require_memory(const fleet::Spec& spec, const recipe::Size& image) {
  const auto state = supervisor::read_state(supervisor::locate(spec.name));
  fleet::require_memory(spec, spec.count + spec.warm_pool, fleet::instance_size(spec, image), available(),
                        had_by(state));
}

void require_memory(const std::string& name, int count) {
  const auto place = supervisor::locate(name);
  const auto state = supervisor::read_state(place);
  if (!state.current)
    return;
  const fs::path file = place.image(state.current->digest) / "manifest.json";
  const auto manifest = recipe::parse_manifest(support::read_file(file), file.string());
  fleet::require_memory(state.current->spec, count + state.current->spec.warm_pool,
                        fleet::instance_size(state.current->spec, manifest.size), available(), had_by(state));
}

}  // namespace vmfleet::driver
