#pragma once
// Native modules of Node.js (files *.node): whether the image's Node.js can load them.

#include <string>
#include <string_view>
#include <vector>

#include "recipe/manifest.hpp"
#include "rootfs/tree.hpp"

namespace vmimage::stack {

/// NODE_MODULE_VERSION of the Node.js that these packages bring; 0: there is none, or it is not known. Pure.
int node_module_version(const std::vector<recipe::Package>& packages);

/// The one that a module is built for, by the symbols that it exports as `nm` prints them; 0 when it does not
/// say, as those that use Node-API and so fit every Node.js. Pure.
int built_for(std::string_view symbols);

/// What has to be loaded or replaced together: the npm package that a file of the image is in; "" outside of
/// all. Pure.
std::string npm_package_of(const std::string& path);

/// Throws Error{Usage} for an npm package of which no native module is for x86-64 Linux, glibc and this
/// module version. One that brings modules for several systems takes the one that fits.
void check_native_modules(const rootfs::Tree& tree, const std::vector<recipe::Package>& packages);

}  // namespace vmimage::stack
