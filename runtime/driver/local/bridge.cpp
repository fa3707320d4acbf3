#include "driver/local/bridge.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>

#include "support/error.hpp"
#include "support/process.hpp"
#include "support/text.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace support = vmimage::support;
using support::Descriptor;
using support::failure;
using support::invalid;

namespace {

constexpr std::chrono::seconds kHelperLimit{20};

/// It is on no PATH: it is meant for QEMU alone.
fs::path find_helper() {
  for (const char* path : {"/usr/lib/qemu/qemu-bridge-helper", "/usr/libexec/qemu-bridge-helper"})
    if (::access(path, X_OK) == 0)
      return path;
  throw failure("qemu-bridge-helper is not installed", "on Debian it is in qemu-system-common");
}

/// What it passes by SCM_RIGHTS: unix(7).
Descriptor received(int socket) {
  char byte = 0;
  iovec bytes{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0)
    return {};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_type != SCM_RIGHTS)
    return {};
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return Descriptor(descriptor);
}

/// To its end.
std::string read_all(int pipe) {
  std::string text;
  std::array<char, 1024> bytes;
  for (ssize_t got = 0; (got = ::read(pipe, bytes.data(), bytes.size())) > 0;)
    text.append(bytes.data(), static_cast<std::size_t>(got));
  return text;
}

}  // namespace

std::string advice_on_tap(const std::string& refusal, const std::string& bridge, bool root) {
  if (refusal.find("acl") != std::string::npos)
    return fmt::format("allow it: the line 'allow {}' in /etc/qemu/bridge.conf, which root writes", bridge);
  if (refusal.find("not permitted") != std::string::npos || refusal.find("denied") != std::string::npos)
    return root ? "it needs CAP_NET_ADMIN and /dev/net/tun"
                : "start vmfleet as root, or let users use QEMU's helper: chmod u+s "
                  "/usr/lib/qemu/qemu-bridge-helper";
  return fmt::format("'ip link show {}' says what there is", bridge);
}

Descriptor open_tap(const std::string& bridge) {
  if (::if_nametoindex(bridge.c_str()) == 0)
    throw invalid(fmt::format("there is no bridge '{}' on this machine", bridge),
                  "name one that there is ('ip link show type bridge'), or make it: ip link add "
                  "NAME type bridge");
  std::array<int, 2> line{}, words{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line.data()) != 0 ||
      ::pipe2(words.data(), O_CLOEXEC) != 0)
    support::throw_errno("talk to qemu-bridge-helper");
  const Descriptor ours(line[0]), said(words[0]);
  Descriptor theirs(line[1]), says(words[1]);
  support::Child helper({find_helper(), "--use-vnet", "--fd=0", "--br=" + bridge},
                        {.in = theirs.fd, .out = -1, .err = says.fd});
  theirs = {};
  says = {};
  const std::string refusal = support::last_line(read_all(said.fd));
  helper.wait(kHelperLimit);
  Descriptor tap = received(ours.fd);
  if (!tap.open())
    throw invalid(fmt::format("the bridge '{}' cannot be used: {}", bridge, refusal),
                  advice_on_tap(refusal, bridge, ::geteuid() == 0));
  return tap;
}

std::vector<std::string> with_tap(const std::string& bridge, const std::vector<std::string>& argv) {
  std::vector<std::string> words{"/proc/self/exe", kTapCommand, bridge, "--"};
  words.insert(words.end(), argv.begin(), argv.end());
  return words;
}

void run_with_tap(const std::string& bridge, const std::vector<std::string>& argv) {
  Descriptor tap;
  try {
    tap = open_tap(bridge);
  } catch (const support::Error& error) {
    throw failure(error.what());  // its last line is what a machine's start ended with
  }
  const int passed = tap.fd == kTap ? ::fcntl(tap.fd, F_SETFD, 0) : ::dup2(tap.fd, kTap);
  if (passed < 0)
    support::throw_errno("pass a tap on");
  const fs::path program = argv.at(0).front() == '/' ? fs::path(argv[0]) : support::find_program(argv[0]);
  std::vector<char*> words;
  for (const auto& word : argv)
    words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execv(program.c_str(), words.data());
  support::throw_errno(fmt::format("run '{}'", argv[0]));
}

}  // namespace vmfleet::driver
