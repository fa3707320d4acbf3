#pragma once
// The kinds of file that can be a base, behind file_base().

#include "base/base.hpp"
#include "base/base_file.hpp"
#include "base/system.hpp"

namespace vmimage::base {

/// Its disk is a copy of the file's.
Base disk_image_base(const cache::Cache& cache, const BaseFile& file, const Progress& progress);

/// Its disk is assembled, with our kernel and boot loaders, around the tree in the file.
Base root_tar_base(const cache::Cache& cache, const BaseFile& file, const PackageOrigin& origin,
                   const Progress& progress);

/// An archive whose members are those of a root file system, rather than a disk image in an archive (OVA,
/// Google's tar) or no archive at all.
bool is_root_tar(const std::filesystem::path& file);

/// The key of what was found out about a file, which changes with what is put in besides.
std::string system_key(const BaseFile& file, const char* version);

/// What both kinds have in common.
Base base_of(const BaseFile& file, System system, const Progress& progress);

}  // namespace vmimage::base
