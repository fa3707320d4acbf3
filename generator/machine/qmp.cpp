#include "machine/qmp.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <sstream>
#include <thread>
#include <utility>

#include "support/error.hpp"

namespace vmimage::machine {

using support::failure;
using support::json;
namespace fs = std::filesystem;

namespace {

/// A connected socket, or -1 with errno set.
int connect_once(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());  // its length is checked by the caller
  // A QEMU that hangs takes no connection, and would have us wait for ever.
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    support::throw_errno("create a socket");
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    ::fcntl(fd, F_SETFL, 0);
    return fd;
  }
  const int cause = errno;
  ::close(fd);
  errno = cause;
  return -1;
}

struct UsernetLine {
  std::string kind;  ///< "TCP[HOST_FORWARD]"
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
};

/// The connections in the answer to "info usernet": protocol and state, descriptor, address and port of the
/// source, address and port of the destination, two queue lengths.
std::vector<UsernetLine> usernet_lines(const std::string& text) {
  std::vector<UsernetLine> lines;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) {
    std::istringstream words(line);
    std::string descriptor, source, destination;
    UsernetLine parsed;
    if (words >> parsed.kind >> descriptor >> source >> parsed.source_port >> destination >>
        parsed.destination_port)
      lines.push_back(parsed);
  }
  return lines;
}

std::string usernet(Qmp& qmp) {
  return qmp.execute("human-monitor-command", {{"command-line", "info usernet"}}).get<std::string>();
}

}  // namespace

Qmp::Qmp(const fs::path& socket, std::chrono::milliseconds deadline) {
  if (socket.native().size() >= sizeof sockaddr_un::sun_path)
    throw failure(
        fmt::format("failed to connect to '{}': the path is too long for a socket", socket.string()),
        "set TMPDIR to a shorter path");
  const auto until = Clock::now() + deadline;
  for (;;) {
    fd_ = connect_once(socket);
    if (fd_ >= 0)
      break;
    if (Clock::now() >= until)
      support::throw_errno(fmt::format("connect to QEMU at '{}'", socket.string()));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  try {
    const auto greeting = read_message(until);
    if (!greeting || !greeting->contains("QMP"))
      throw failure(fmt::format("failed to connect to QEMU at '{}': no greeting came", socket.string()));
    execute("qmp_capabilities", json::object(),
            std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()) +
                std::chrono::milliseconds(100));
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

Qmp::~Qmp() {
  if (fd_ >= 0)
    ::close(fd_);
}

Qmp::Qmp(Qmp&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      buffer_(std::move(other.buffer_)),
      events_(std::move(other.events_)) {}

Qmp& Qmp::operator=(Qmp&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(buffer_, other.buffer_);
  std::swap(events_, other.events_);
  return *this;
}

std::optional<json> Qmp::read_message(Clock::time_point until) {
  for (;;) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      const json message = support::parse_json(buffer_.substr(0, end), "QMP");
      buffer_.erase(0, end + 1);
      return message;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd ready{fd_, POLLIN, 0};
    const int count = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (count < 0 && errno != EINTR)
      support::throw_errno("wait for QEMU");
    if (count == 0)
      return std::nullopt;
    if (count < 0)
      continue;
    std::array<char, 65536> bytes;
    const auto got = ::read(fd_, bytes.data(), bytes.size());
    if (got == 0 || (got < 0 && errno != EINTR))
      throw failure("failed to talk to QEMU: it has ended");
    if (got > 0)
      buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

json Qmp::read_reply(const std::string& what, Clock::time_point until) {
  for (;;) {
    auto message = read_message(until);
    if (!message)
      throw failure(fmt::format("failed to have QEMU execute '{}': it did not answer in time", what));
    if (message->contains("event")) {
      events_.push_back(std::move(*message));
      continue;
    }
    if (message->contains("error"))
      throw failure(fmt::format("failed to have QEMU execute '{}': {}", what,
                                message->at("error").value("desc", std::string("no reason given"))));
    if (message->contains("return"))
      return message->at("return");
  }
}

/// With the first byte of the line goes `fd`, unless it is -1: unix(7), SCM_RIGHTS.
void Qmp::send(const std::string& line, int fd) {
  for (std::size_t sent = 0; sent < line.size();) {
    iovec part{const_cast<char*>(line.data()) + sent, line.size() - sent};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fd)> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0 && sent == 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* const rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    const auto count = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      throw failure("failed to talk to QEMU: it has ended");
    sent += static_cast<std::size_t>(count);
  }
}

json Qmp::execute(const std::string& command, const json& arguments, std::chrono::milliseconds deadline) {
  json request{{"execute", command}};
  if (!arguments.empty())
    request["arguments"] = arguments;
  send(request.dump() + "\n");
  return read_reply(command, Clock::now() + deadline);
}

void Qmp::pass(const std::string& name, int fd) {
  send(json{{"execute", "getfd"}, {"arguments", {{"fdname", name}}}}.dump() + "\n", fd);
  read_reply("getfd", Clock::now() + std::chrono::seconds(5));
}

std::vector<json> Qmp::take_events() {
  try {
    while (auto message = read_message(Clock::now()))
      if (message->contains("event"))
        events_.push_back(std::move(*message));
  } catch (const support::Error&) {
    // It has gone; what it said before is what was asked for.
  }
  return std::exchange(events_, {});
}

std::uint16_t parse_usernet(const std::string& text, const recipe::Port& guest) {
  const std::string kind =
      guest.protocol == recipe::Protocol::Udp ? "UDP[HOST_FORWARD]" : "TCP[HOST_FORWARD]";
  for (const auto& line : usernet_lines(text))
    if (line.kind == kind && line.destination_port == guest.number)
      return line.source_port;
  return 0;
}

std::uint16_t forwarded_port(Qmp& qmp, const recipe::Port& guest) {
  const std::uint16_t port = parse_usernet(usernet(qmp), guest);
  if (port == 0)
    throw failure(fmt::format("failed to find the port that leads to port {}: QEMU forwards none",
                              recipe::to_string(guest)));
  return port;
}

bool parse_reached(const std::string& text, std::uint16_t guest_port) {
  // The newest comes first; who made a connection is not said. Those that were given up while the guest had
  // no network are listed for a while, too.
  for (const auto& line : usernet_lines(text))
    if (line.destination_port == guest_port && line.kind.starts_with("TCP["))
      return line.kind == "TCP[ESTABLISHED]" || line.kind == "TCP[CLOSE_WAIT]";
  return false;
}

bool reached_guest(Qmp& qmp, std::uint16_t guest_port) {
  return parse_reached(usernet(qmp), guest_port);
}

}  // namespace vmimage::machine
