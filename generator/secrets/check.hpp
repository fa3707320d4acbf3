#pragma once
// Nothing that looks like a secret goes into an image unless the recipe names it.

#include "recipe/recipe.hpp"
#include "rootfs/tree.hpp"

namespace vmimage::secrets {

/// Looks at the files that the recipe adds, and at its environment. Throws Error{Usage} that names all that
/// looks like a secret and is not in `allow_secrets`.
void check(const recipe::Recipe& recipe, const rootfs::Tree& tree);

/// Whether `allow_secrets` has the path, a folder above it, or the variable's name. Pure.
bool is_allowed(const recipe::Recipe& recipe, const std::string& name);

}  // namespace vmimage::secrets
