#include "machine/health.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "machine/http_answer.hpp"
#include "support/descriptor.hpp"
#include "support/error.hpp"

namespace vmimage::machine {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

std::string no_answer(milliseconds timeout) {
  return fmt::format("no answer within {} s", static_cast<double>(timeout.count()) / 1000);
}

// A connection that the guest does not take in this time met no network yet, and would be tried again by its
// own rules, after seconds; a new one succeeds as soon as there is a network.
constexpr milliseconds kArrival{250};
constexpr milliseconds kBetweenLooks{20};  // at whether a connection has got through

constexpr const char* kClosed = "connection closed without an answer";

std::string describe(int problem) {
  return problem == ECONNREFUSED                     ? "connection refused"
         : problem == ECONNRESET || problem == EPIPE ? kClosed
                                                     : std::strerror(problem);
}

std::uint16_t local_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

/// Until something can be done there, or it is closed; false: time is up.
bool wait_for(int fd, short what, Clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    pollfd ready{fd, what, 0};
    const int count = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (count > 0 || (count == 0 && left <= 0))
      return count > 0;
  }
}

/// Begins to connect; what came of it the first use tells.
support::Descriptor begin_to_connect(const std::string& address, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int status = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found))
    throw support::failure(fmt::format("'{}' is no address: {}", address, ::gai_strerror(status)));
  support::Descriptor socket(
      ::socket(found->ai_family, found->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, found->ai_protocol));
  const int status = ::connect(socket.fd, found->ai_addr, found->ai_addrlen);
  const int problem = status == 0 ? 0 : errno;
  ::freeaddrinfo(found);
  if (problem != 0 && problem != EINPROGRESS)
    throw support::failure(describe(problem));
  return socket;
}

std::string request_for(const std::string& path, const std::string& address, std::uint16_t port) {
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}:{}\r\nAccept: */*\r\nUser-Agent: vmimage-health\r\nConnection: "
      "close\r\n\r\n",
      path, address, port);
}

/// Once connected; 0, or the cause of it (errno).
int send_all(int fd, std::string_view text, Clock::time_point until) {
  while (!text.empty()) {
    const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent >= 0)
      text.remove_prefix(static_cast<std::size_t>(sent));
    else if (errno == EAGAIN && !wait_for(fd, POLLOUT, until))
      return ETIMEDOUT;
    else if (errno != EAGAIN && errno != EINTR)
      return errno;
  }
  return 0;
}

bool arrived(int fd, const Reached& reached) {
  try {
    return reached(local_port(fd));
  } catch (const std::exception&) {
    return false;  // there is no guest any more
  }
}

std::optional<std::string> judge(const HttpAnswer& answer) {
  if (answer.status() == 0)
    return kClosed;
  if (answer.status() < 200 || answer.status() >= 400)
    return fmt::format("HTTP {}", answer.status());
  return std::nullopt;
}

std::optional<std::string> receive(int fd, milliseconds timeout, Clock::time_point until) {
  HttpAnswer answer;
  std::array<char, 4096> bytes;
  while (wait_for(fd, POLLIN, until)) {
    const auto got = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
      continue;
    if (got <= 0)
      return judge(answer);
    switch (answer.add({bytes.data(), static_cast<std::size_t>(got)})) {
      case HttpAnswer::Part::Unfinished:
        break;
      case HttpAnswer::Part::Whole:
        return judge(answer);
      case HttpAnswer::Part::Nonsense:
        return "its answer is no HTTP";
    }
  }
  return no_answer(timeout);
}

/// A request of our own, as it costs the supervisor of many instances a small part of what a client's does.
std::optional<std::string> check_http(const recipe::HealthCheck& check, const std::string& address,
                                      std::uint16_t port, milliseconds timeout, const Reached& reached) {
  const auto start = Clock::now();
  const auto until = start + timeout;
  const auto socket = begin_to_connect(address, port);
  const int problem = send_all(socket.fd, request_for(check.path, address, port), until);
  if (problem == ETIMEDOUT)
    return no_answer(timeout);
  if (problem != 0)
    return describe(problem);
  if (reached && timeout > kArrival && !wait_for(socket.fd, POLLIN, start + kArrival) &&
      !arrived(socket.fd, reached))
    return no_answer(kArrival);
  return receive(socket.fd, timeout, until);
}

/// Waits until `reached` says yes, or the other side closes.
std::optional<std::string> wait_reached(int fd, const Reached& reached, milliseconds timeout,
                                        Clock::time_point until) {
  while (true) {
    if (wait_for(fd, POLLIN, std::min(until, Clock::now() + kBetweenLooks))) {
      char byte = 0;
      if (::recv(fd, &byte, 1, MSG_PEEK) > 0)
        return std::nullopt;  // it talks, so it is there
      return describe(ECONNREFUSED);
    }
    if (reached(local_port(fd)))
      return std::nullopt;
    if (Clock::now() >= until)
      return no_answer(timeout);
  }
}

std::optional<std::string> check_tcp(const std::string& address, std::uint16_t port, milliseconds timeout,
                                     const Reached& reached) {
  if (reached)
    timeout = std::min(timeout, kArrival);
  const auto until = Clock::now() + timeout;
  const auto socket = begin_to_connect(address, port);
  if (!wait_for(socket.fd, POLLOUT, until))
    return no_answer(timeout);
  int problem = 0;
  socklen_t size = sizeof problem;
  ::getsockopt(socket.fd, SOL_SOCKET, SO_ERROR, &problem, &size);
  if (problem != 0)
    return describe(problem);
  return reached ? wait_reached(socket.fd, reached, timeout, until) : std::nullopt;
}

}  // namespace

std::optional<std::string> check_health(const recipe::HealthCheck& check, const std::string& address,
                                        std::uint16_t port, milliseconds timeout, const Reached& reached) {
  try {
    switch (check.type) {
      case recipe::HealthType::None:
        break;
      case recipe::HealthType::Http:
        return check_http(check, address, port, timeout, reached);
      case recipe::HealthType::Tcp:
        return check_tcp(address, port, timeout, reached);
    }
    return std::nullopt;
  } catch (const support::Error& error) {
    return error.what();
  }
}

}  // namespace vmimage::machine
