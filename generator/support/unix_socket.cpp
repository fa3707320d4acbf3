#include "support/unix_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cstring>

#include "support/error.hpp"

namespace vmimage::support {

sockaddr_un unix_address(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path)
    throw failure(fmt::format("failed to use '{}': the path is too long for a socket", path.string()),
                  "set XDG_RUNTIME_DIR to a shorter path");
  std::strcpy(address.sun_path, path.c_str());
  return address;
}

Descriptor connect_unix(const std::filesystem::path& path) {
  const auto address = unix_address(path);
  Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw_errno(fmt::format("connect to '{}'", path.string()));
  return connection;
}

}  // namespace vmimage::support
