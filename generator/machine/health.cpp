#include "machine/health.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

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

std::uint16_t local_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

/// Ends a client's request when time is up, httplib's own time-outs start again with each byte; or when it
/// has not reached the guest early enough.
class Watchdog {
 public:
  Watchdog(httplib::Client& client, milliseconds timeout, const Reached& reached) : client_(client) {
    client.set_socket_options([this](socket_t fd) { fd_ = fd; });
    thread_ = std::thread([this, timeout, reached] { watch(timeout, reached); });
  }
  ~Watchdog() { finish(); }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// The time after which it had to end the request, if it had to.
  std::optional<milliseconds> finish() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable())
      thread_.join();
    return fired_;
  }

 private:
  void watch(milliseconds timeout, const Reached& reached) {
    const auto until = Clock::now() + timeout;
    if (reached && timeout > kArrival && !is_done(Clock::now() + kArrival) && !arrived(reached))
      return fire(kArrival);
    if (!is_done(until))
      fire(timeout);
  }

  bool is_done(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, until, [this] { return done_; });
  }

  bool arrived(const Reached& reached) const {
    try {
      return reached(local_port(fd_));
    } catch (const std::exception&) {
      return false;  // there is no guest any more
    }
  }

  void fire(milliseconds after) {
    fired_ = after;
    client_.stop();
  }

  httplib::Client& client_;
  std::atomic<int> fd_ = -1;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::optional<milliseconds> fired_;
  std::thread thread_;
};

std::optional<std::string> check_http(const recipe::HealthCheck& check, const std::string& address,
                                      std::uint16_t port, milliseconds timeout, const Reached& reached) {
  httplib::Client client(address, port);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_write_timeout(timeout);
  const auto start = Clock::now();
  Watchdog watchdog(client, timeout, reached);
  const auto response = client.Get(check.path.c_str(), {{"User-Agent", "vmimage-health"}});
  const auto ended = watchdog.finish();
  if (response)
    return response->status >= 200 && response->status < 400
               ? std::nullopt
               : std::optional(fmt::format("HTTP {}", response->status));
  if (ended || Clock::now() - start >= timeout)
    return no_answer(ended.value_or(timeout));
  if (response.error() == httplib::Error::Connection)
    return "connection refused";
  return "connection closed without an answer";
}

/// A socket that is closed at the end.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

int milliseconds_until(Clock::time_point until) {
  const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

/// Waits until `reached` says yes, or the other side closes.
std::optional<std::string> wait_reached(int fd, const Reached& reached, milliseconds timeout,
                                        Clock::time_point until) {
  while (true) {
    pollfd closed{fd, POLLIN, 0};
    if (::poll(&closed, 1, std::min(20, milliseconds_until(until))) > 0) {
      char byte = 0;
      if (::recv(fd, &byte, 1, MSG_PEEK) > 0)
        return std::nullopt;  // it talks, so it is there
      return "connection refused";
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
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int status = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found))
    return fmt::format("'{}' is no address: {}", address, ::gai_strerror(status));
  const Socket socket(
      ::socket(found->ai_family, found->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, found->ai_protocol));
  const int status = ::connect(socket.fd(), found->ai_addr, found->ai_addrlen);
  int problem = status == 0 ? 0 : errno;
  ::freeaddrinfo(found);
  if (problem == EINPROGRESS) {
    pollfd connected{socket.fd(), POLLOUT, 0};
    if (::poll(&connected, 1, milliseconds_until(until)) <= 0)
      return no_answer(timeout);
    socklen_t size = sizeof problem;
    ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &problem, &size);
  }
  if (problem == ECONNREFUSED)
    return "connection refused";
  if (problem != 0)
    return std::strerror(problem);
  return reached ? wait_reached(socket.fd(), reached, timeout, until) : std::nullopt;
}

}  // namespace

std::optional<std::string> check_health(const recipe::HealthCheck& check, const std::string& address,
                                        std::uint16_t port, milliseconds timeout, const Reached& reached) {
  switch (check.type) {
    case recipe::HealthType::None:
      break;
    case recipe::HealthType::Http:
      return check_http(check, address, port, timeout, reached);
    case recipe::HealthType::Tcp:
      return check_tcp(address, port, timeout, reached);
  }
  return std::nullopt;
}

}  // namespace vmimage::machine
