#include "supervisor/socket.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "support/error.hpp"
#include "support/process.hpp"
#include "support/unix_socket.hpp"

namespace vmfleet::supervisor {

namespace fs = std::filesystem;
namespace support = vmimage::support;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kQuestionLimit{2000};

int left(Clock::time_point until) {
  const auto time = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(time, 0));
}

void send_all(int fd, const std::string& text, Clock::time_point until) {
  for (std::size_t sent = 0; sent < text.size();) {
    pollfd ready{fd, POLLOUT, 0};
    if (::poll(&ready, 1, left(until)) == 0)
      throw support::failure("failed to send: the other side does not read");
    const auto count = ::send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno != EINTR && errno != EAGAIN)
      support::throw_errno("send");
    sent += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
}

/// Reads until the other side closes, or, with `line`, until the end of a line.
std::string receive(int fd, Clock::time_point until, bool line) {
  std::string text;
  std::array<char, 65536> bytes;
  while (!line || text.find('\n') == std::string::npos) {
    pollfd ready{fd, POLLIN, 0};
    const int count = ::poll(&ready, 1, left(until));
    if (count == 0)
      throw support::failure("failed to receive: no answer came in time");
    if (count < 0)
      continue;  // a signal; whoever calls looks at its flag
    const auto got = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno != EINTR)
      support::throw_errno("receive");
    if (got == 0)
      break;
    text.append(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  return text;
}

}  // namespace

std::string exchange(const fs::path& socket, const std::string& question, milliseconds timeout) {
  const auto until = Clock::now() + timeout;
  const auto connection = support::connect_unix(socket);
  send_all(connection.fd, question, until);
  return receive(connection.fd, until, false);
}

Server::Server(fs::path path) : path_(std::move(path)) {
  const auto address = support::unix_address(path_);
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0)
    support::throw_errno("create a socket");
  ::unlink(path_.c_str());
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path_.c_str(), 0600) != 0 || ::listen(fd_, 64) != 0) {
    ::close(fd_);
    support::throw_errno(fmt::format("listen on '{}'", path_.string()));
  }
}

Server::~Server() {
  ::unlink(path_.c_str());
  ::close(fd_);
}

void Server::serve(milliseconds wait, const Wake& wake,
                   const std::function<std::string(const std::string&)>& answer) {
  std::array<pollfd, 3> polls{pollfd{fd_, POLLIN, 0}, pollfd{support::interrupt_fd(), POLLIN, 0},
                              pollfd{wake.fd(), POLLIN, 0}};
  const int ready = ::poll(polls.data(), polls.size(), static_cast<int>(wait.count()));
  wake.clear();
  if (ready <= 0 || !polls[0].revents)
    return;
  for (int descriptor; (descriptor = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    const support::Descriptor connection(descriptor);
    try {
      const auto until = Clock::now() + kQuestionLimit;
      const std::string question = receive(descriptor, until, true);
      send_all(descriptor, answer(question), Clock::now() + kQuestionLimit);
    } catch (const support::Error&) {
      // Whoever asked has gone, or does not read.
    }
  }
}

}  // namespace vmfleet::supervisor
