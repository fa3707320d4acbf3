#include "driver/local/guest_line.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "support/error.hpp"
#include "support/unix_socket.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace support = vmimage::support;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

template <std::size_t size>
void fill(std::array<std::uint8_t, size>& bytes) {
  if (::getrandom(bytes.data(), size, 0) != static_cast<ssize_t>(size))
    support::throw_errno("get random bytes");
}

}  // namespace

fs::path guest_line_of(const Launch& launch) {
  return launch.socket.parent_path() / "guest";
}

std::string identity_line(const Identity& identity) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return fmt::format("identity {} {:02x} {} {} {:02x}{}", identity.host, fmt::join(identity.mac, ""),
                     identity.time.count() / kSecond, identity.time.count() % kSecond,
                     fmt::join(identity.seed, ""), identity.renew ? " renew" : "");
}

Mac new_mac() {
  Mac mac;
  fill(mac);
  mac[0] = 0x52;  // as QEMU's own: the bit for "locally administered" set, that for groups not
  mac[1] = 0x54;
  mac[2] = 0x00;
  return mac;
}

std::string to_string(const Mac& mac) {
  return fmt::format("{:02x}", fmt::join(mac, ":"));
}

Identity new_identity(const std::string& host, const Mac& mac) {
  Identity identity{.host = host, .mac = mac, .time = std::chrono::system_clock::now().time_since_epoch()};
  fill(identity.seed);
  return identity;
}

GuestLine::GuestLine(const fs::path& socket) : socket_(support::connect_unix(socket)) {}

void GuestLine::send(const std::string& line) {
  const std::string text = line + "\n";  // short: the socket takes it whole
  if (::send(socket_.fd, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    support::throw_errno("write to the guest");
}

std::string GuestLine::receive(milliseconds limit) {
  const auto until = Clock::now() + limit;
  while (true) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      const std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count();
    pollfd ready{socket_.fd, POLLIN, 0};
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) == 0)
      throw support::failure("the guest has no program that gives it an identity, or it does not answer");
    std::array<char, 512> bytes;
    const auto got = ::recv(socket_.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got == 0)
      throw support::failure("the machine ended");
    if (got > 0)
      buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

std::optional<std::string> parse_address(const std::string& line) {
  const std::string prefix = "address ";
  if (!line.starts_with(prefix))
    return std::nullopt;
  const std::string address = line.substr(prefix.size());
  in_addr parsed{};
  return ::inet_pton(AF_INET, address.c_str(), &parsed) == 1 ? address : "";
}

std::string ask_address(const fs::path& guest_line, milliseconds limit) {
  GuestLine line(guest_line);
  // What was asked before, and cut off, is a line of its own.
  line.send("\naddress");
  const auto until = Clock::now() + limit;
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
    if (const auto address = parse_address(line.receive(left)))
      return *address;
  }
}

std::string address_of(const Launch& launch, const Running& running, milliseconds limit) {
  if (!running.bridged)
    return "127.0.0.1";
  const std::string address = ask_address(guest_line_of(launch), limit);
  if (address.empty())
    throw support::failure("its network's DHCP has given it no address");
  return address;
}

}  // namespace vmfleet::driver
