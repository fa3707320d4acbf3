// Loaded into QEMU (LD_PRELOAD): its user network makes the guest's connections from this process, and would
// make them to this host's own services, too: those to 10.0.2.2 it makes to 127.0.0.1, and those that a guest
// addresses to 127.0.0.1 itself as they are. QEMU 7.2 has no option against that. Nothing else of QEMU
// connects by IP. With VMFLEET_LOOPBACK in the environment it lets them.

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr in_port_t kNames =
    53;  // the host's resolver, which the guest asks by 10.0.2.3, is often on its loopback

bool is_host(in_addr address) {
  const auto first = ntohl(address.s_addr) >> 24;
  return first == 127 || first == 0;  // 0.0.0.0 is this host as well
}

bool is_host(const in6_addr& address) {
  in_addr last{};
  memcpy(&last, &address.s6_addr[12], sizeof last);
  return IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_UNSPECIFIED(&address) ||
         (IN6_IS_ADDR_V4MAPPED(&address) && is_host(last));
}

bool is_forbidden(const sockaddr* address, socklen_t size) {
  if (!address || getenv("VMFLEET_LOOPBACK"))
    return false;
  if (address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    const auto* four = reinterpret_cast<const sockaddr_in*>(address);
    return is_host(four->sin_addr) && four->sin_port != htons(kNames);
  }
  if (address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    const auto* six = reinterpret_cast<const sockaddr_in6*>(address);
    return is_host(six->sin6_addr) && six->sin6_port != htons(kNames);
  }
  return false;
}

}  // namespace

extern "C" {

int connect(int fd, const sockaddr* address, socklen_t size) {
  if (is_forbidden(address, size)) {
    errno = ECONNREFUSED;
    return -1;
  }
  return static_cast<int>(syscall(SYS_connect, fd, address, size));
}

ssize_t sendto(int fd, const void* bytes, size_t count, int flags, const sockaddr* address, socklen_t size) {
  if (is_forbidden(address, size)) {
    errno = ECONNREFUSED;
    return -1;
  }
  return syscall(SYS_sendto, fd, bytes, count, flags, address, size);
}
}
