// QMP, against a socket of our own that plays QEMU; and what "info usernet" says.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "machine/qmp.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmimage::machine {
namespace {

using namespace std::chrono_literals;

/// Greets, then sends one prepared answer for each line that comes; then hangs up.
class FakeQemu {
 public:
  explicit FakeQemu(std::vector<std::string> answers) : path(folder_.path() / "qmp") {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 1);
    thread_ = std::thread([this, answers = std::move(answers)] { serve(answers); });
  }
  ~FakeQemu() {
    ::shutdown(listener_, SHUT_RDWR);  // ends an accept() that nobody came to
    thread_.join();
    ::close(listener_);
  }

 private:
  support::TempDir folder_;

 public:
  const std::filesystem::path path;
  std::vector<std::string> asked;  ///< to be looked at after the answers were read

 private:
  void serve(const std::vector<std::string>& answers) {
    const int peer = ::accept(listener_, nullptr, nullptr);
    if (peer < 0)
      return;
    send(peer, R"({"QMP": {"version": {}, "capabilities": []}})");
    for (const auto& answer : answers) {
      std::string line;
      for (char c = 0; ::read(peer, &c, 1) == 1 && c != '\n';)
        line += c;
      asked.push_back(line);
      send(peer, answer);
    }
    ::close(peer);
  }
  static void send(int peer, const std::string& text) {
    const std::string line = text + "\r\n";
    ::send(peer, line.data(), line.size(), MSG_NOSIGNAL);
  }

  int listener_ = -1;
  std::thread thread_;
};

constexpr const char* kOk = R"({"return": {}})";

TEST(Qmp, NegotiatesAndExecutes) {
  FakeQemu qemu({kOk, R"({"return": {"status": "running"}})"});
  Qmp qmp(qemu.path, 5s);
  EXPECT_EQ(qmp.execute("query-status").at("status"), "running");
  EXPECT_EQ(support::json::parse(qemu.asked[0]).at("execute"), "qmp_capabilities");
  EXPECT_EQ(support::json::parse(qemu.asked[1]), (support::json{{"execute", "query-status"}}));
}

TEST(Qmp, EventsBetweenAreKept) {
  FakeQemu qemu({kOk, "{\"event\": \"RESET\", \"data\": {}}\r\n{\"return\": 1}\r\n{\"event\": \"STOP\"}"});
  Qmp qmp(qemu.path, 5s);
  EXPECT_EQ(qmp.execute("x", {{"a", 1}}), 1);
  std::vector<support::json> events;
  while (events.size() < 2)
    for (const auto& event : qmp.take_events())
      events.push_back(event);
  EXPECT_EQ(events[0].at("event"), "RESET");
  EXPECT_EQ(events[1].at("event"), "STOP");
  EXPECT_TRUE(qmp.take_events().empty());
}

TEST(Qmp, ErrorsCarryQemusWords) {
  FakeQemu qemu({kOk, R"({"error": {"class": "GenericError", "desc": "no such thing"}})"});
  Qmp qmp(qemu.path, 5s);
  try {
    qmp.execute("frobnicate");
    FAIL();
  } catch (const support::Error& error) {
    EXPECT_STREQ(error.what(), "failed to have QEMU execute 'frobnicate': no such thing");
  }
}

TEST(Qmp, QemuGoneIsAnError) {
  FakeQemu qemu({kOk});
  Qmp qmp(qemu.path, 5s);
  EXPECT_THROW(qmp.execute("query-status"), support::Error);
  EXPECT_TRUE(qmp.take_events().empty());
}

TEST(Qmp, NobodyThere) {
  const support::TempDir folder;
  EXPECT_THROW(Qmp(folder.path() / "qmp", 20ms), support::Error);
  EXPECT_THROW(Qmp(folder.path() / std::string(120, 'x'), 20ms), support::Error);
}

// As QEMU 7.2 prints it.
constexpr const char* kUsernet =
    "Hub -1 (net):\r\n"
    "  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
    "  TCP[ESTABLISHED]   18       127.0.0.1 40111       10.0.2.15  8080     0     0\r\n"
    "  TCP[SYN_SENT]      19       127.0.0.1 40222       10.0.2.15  5432     0     0\r\n"
    "  TCP[SYN_SENT]      20       127.0.0.1 40111       10.0.2.15  8080     0     0\r\n"
    "  TCP[ESTABLISHED]   21       127.0.0.1 40222       10.0.2.15  5432     0     0\r\n"
    "  TCP[CLOSE_WAIT]    22       127.0.0.1 40444       10.0.2.15    80     0     0\r\n"
    "  TCP[HOST_FORWARD]  13       127.0.0.1 40111       10.0.2.15  8080     0     0\r\n"
    "  TCP[HOST_FORWARD]  14       127.0.0.1 40222       10.0.2.15  5432     0     0\r\n"
    "  UDP[HOST_FORWARD]  15       127.0.0.1 40333       10.0.2.15    53     0     0\r\n"
    "  UDP[236 sec]       21       10.0.2.15 34567        10.0.2.3    53     0     0\r\n";

TEST(Usernet, ForwardedPort) {
  EXPECT_EQ(parse_usernet(kUsernet, {8080, recipe::Protocol::Tcp}), 40111);
  EXPECT_EQ(parse_usernet(kUsernet, {5432, recipe::Protocol::Tcp}), 40222);
  EXPECT_EQ(parse_usernet(kUsernet, {53, recipe::Protocol::Udp}), 40333);
  EXPECT_EQ(parse_usernet(kUsernet, {53, recipe::Protocol::Tcp}), 0);
  EXPECT_EQ(parse_usernet("", {53, recipe::Protocol::Tcp}), 0);
}

TEST(Usernet, ReachedTheGuest) {
  EXPECT_TRUE(parse_reached(kUsernet, 8080)) << "the newest comes first";
  EXPECT_FALSE(parse_reached(kUsernet, 5432));
  EXPECT_TRUE(parse_reached(kUsernet, 80));
  EXPECT_FALSE(parse_reached(kUsernet, 53)) << "there was none";
}

}  // namespace
}  // namespace vmimage::machine
