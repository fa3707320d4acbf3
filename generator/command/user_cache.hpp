#pragma once
// The cache as the user has it: where it is, how large it may become.

#include "cache/cache.hpp"

namespace vmimage::command {

/// Damage that is mended is said on standard error. Throws Error{Usage} when VMIMAGE_CACHE_SIZE is no size.
cache::Cache open_cache();

/// Prunes a cache that grew down to VMIMAGE_CACHE_SIZE (20 GiB when it is not set; 0: no bound).
void keep_bound(const cache::Cache& cache);

}  // namespace vmimage::command
