#include "base/base.hpp"

#include "support/error.hpp"

namespace vmimage::base {

Base open_base(const cache::Cache& cache, const std::string& name, const std::vector<std::string>& packages,
               const std::optional<std::string>& mirror, const Progress& progress) {
  const std::string debian = "debian:";
  if (name.starts_with(debian))
    return debian_base(cache, name.substr(debian.size()), packages, mirror, progress);
  if (name == "minimal")
    return minimal_base(cache, mirror, progress);
  throw support::invalid("unknown base '" + name + "'",
                         "known are debian:<suite> (like debian:bookworm) and minimal");
}

}  // namespace vmimage::base
