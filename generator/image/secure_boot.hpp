#pragma once
// Secure Boot: the unified kernel image, signed (UEFI Specification, "Secure Boot and Driver Signing").

#include "base/kit.hpp"
#include "cache/cache.hpp"
#include "recipe/recipe.hpp"

namespace vmimage::image {

/// Throws Error{Usage} unless both are there, firmware can take them, and they belong together.
void check_signing_key(const recipe::SecureBoot& files);

/// Has the kit's unified kernel image signed, by osslsigncode(1) or from the cache. The kit has another
/// digest then. `files` have passed check_signing_key().
void sign_kit(const cache::Cache& cache, const recipe::SecureBoot& files, base::Kit& kit,
              const base::Progress& progress);

}  // namespace vmimage::image
