#pragma once
// KVM where it works. /dev/kvm opening is no proof: a tiny guest is run against a deadline.

#include <string>

#include "machine/machine.hpp"

namespace vmimage::machine {

struct Acceleration {
  Accelerator kind;
  std::string reason;  ///< one line for people, e.g. "KVM opens but a probe guest did not finish within 3 s"
};

/// Probes once per boot of the host (the answer is kept in the cache under the kernel's boot id).
/// VMIMAGE_ACCEL=kvm|tcg in the environment overrides.
Acceleration probe_acceleration();

}  // namespace vmimage::machine
