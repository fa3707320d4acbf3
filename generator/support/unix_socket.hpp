#pragma once
// Unix sockets by their paths: unix(7).

#include <sys/un.h>

#include <filesystem>

#include "support/descriptor.hpp"

namespace vmimage::support {

/// Throws Error when the path is too long for one.
sockaddr_un unix_address(const std::filesystem::path& path);

/// A connection. Throws Error.
Descriptor connect_unix(const std::filesystem::path& path);

}  // namespace vmimage::support
