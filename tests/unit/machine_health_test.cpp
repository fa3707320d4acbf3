// Health checks, against sockets of our own.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <thread>

#include "machine/health.hpp"
#include "machine/http_answer.hpp"

namespace vmimage::machine {
namespace {

using namespace std::chrono_literals;
using recipe::HealthCheck;
using recipe::HealthType;

/// Listens on a free port of 127.0.0.1, and hands each connection to a function that is given its request.
class Server {
 public:
  explicit Server(std::function<void(int)> serve) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    ::listen(listener_, 4);
    thread_ = std::thread([this, serve = std::move(serve)] {
      for (int peer = 0; (peer = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(peer))
        serve(peer);
    });
  }
  ~Server() {
    ending = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::uint16_t port = 0;
  std::atomic<bool> ending = false;

 private:
  int listener_ = -1;
  std::thread thread_;
};

void answer(int peer, const std::string& text) {
  char request[4096];
  if (::recv(peer, request, sizeof request, 0) > 0)
    ::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
}

HealthCheck http() {
  return {.type = HealthType::Http, .port = 8080, .path = "/healthz"};
}
HealthCheck tcp() {
  return {.type = HealthType::Tcp, .port = 5432, .path = ""};
}

std::optional<std::string> check_status(const std::string& status) {
  Server server([&](int peer) {
    answer(peer, "HTTP/1.1 " + status + "\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  });
  return check_health(http(), "127.0.0.1", server.port, 5s);
}

TEST(Health, NoneIsAlwaysHealthy) {
  EXPECT_EQ(check_health({}, "127.0.0.1", 1, 1s), std::nullopt);
}

TEST(Health, HttpStatus) {
  EXPECT_EQ(check_status("200 OK"), std::nullopt);
  EXPECT_EQ(check_status("204 No Content"), std::nullopt);
  EXPECT_EQ(check_status("302 Found"), std::nullopt);
  EXPECT_EQ(check_status("404 Not Found"), "HTTP 404");
  EXPECT_EQ(check_status("500 Internal Server Error"), "HTTP 500");
  EXPECT_EQ(check_status("503 Service Unavailable"), "HTTP 503");
}

TEST(Health, HttpAsksForThePath) {
  std::string request(4096, '\0');
  {
    Server server([&](int peer) {
      const auto got = ::recv(peer, request.data(), request.size(), 0);
      request.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    });
    check_health(http(), "127.0.0.1", server.port, 5s);
  }
  EXPECT_TRUE(request.starts_with("GET /healthz HTTP/1.1\r\n")) << request;
}

TEST(Health, HttpClosedWithoutAnswer) {
  Server server([](int peer) { answer(peer, ""); });
  EXPECT_EQ(check_health(http(), "127.0.0.1", server.port, 5s), "connection closed without an answer");
}

TEST(Health, HttpNonsense) {
  Server server([](int peer) {
    answer(peer, "SSH-2.0 200 OK\r\n");
    pollfd closed{peer, POLLRDHUP, 0};
    ::poll(&closed, 1, 10000);
  });
  EXPECT_EQ(check_health(http(), "127.0.0.1", server.port, 5s), "its answer is no HTTP");
}

// The connection stays open: the answer itself says where it ends.
TEST(Health, HttpKeptOpen) {
  for (const std::string rest :
       {"content-length: 2\r\n\r\nok", "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"}) {
    Server server([&](int peer) {
      answer(peer, "HTTP/1.1 200 OK\r\n" + rest);
      pollfd closed{peer, POLLRDHUP, 0};
      ::poll(&closed, 1, 10000);
    });
    EXPECT_EQ(check_health(http(), "127.0.0.1", server.port, 5s), std::nullopt) << rest;
  }
}

TEST(Health, HttpSilence) {
  Server server([](int peer) {
    pollfd closed{peer, POLLRDHUP, 0};
    ::poll(&closed, 1, 10000);
  });
  EXPECT_EQ(check_health(http(), "127.0.0.1", server.port, 100ms), "no answer within 0.1 s");
}

// Each byte of it comes in time; the answer as a whole does not.
TEST(Health, HttpTrickle) {
  Server server([](int peer) {
    answer(peer, "HTTP/1.1 200 OK\r\n");
    pollfd closed{peer, POLLRDHUP, 0};
    while (::poll(&closed, 1, 20) == 0 && ::send(peer, "X-A: b\r\n", 8, MSG_NOSIGNAL) > 0) {
    }
  });
  EXPECT_EQ(check_health(http(), "127.0.0.1", server.port, 300ms), "no answer within 0.3 s");
}

/// What became of it: in one piece, and byte by byte.
std::string read(const std::string& text) {
  const auto describe = [](HttpAnswer::Part part, const HttpAnswer& answer) {
    return (part == HttpAnswer::Part::Whole      ? "whole "
            : part == HttpAnswer::Part::Nonsense ? "nonsense "
                                                 : "unfinished ") +
           std::to_string(answer.status());
  };
  HttpAnswer at_once;
  const std::string first = describe(at_once.add(text), at_once);
  HttpAnswer slowly;
  auto part = HttpAnswer::Part::Unfinished;
  for (std::size_t i = 0; i < text.size() && part == HttpAnswer::Part::Unfinished; ++i)
    part = slowly.add(text.substr(i, 1));
  EXPECT_EQ(describe(part, slowly), first) << text;
  return first;
}

TEST(Health, HttpAnswers) {
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), "whole 200");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nCONTENT-LENGTH:\t3 \r\n\r\nab"), "unfinished 200");
  EXPECT_EQ(read("HTTP/1.0 500\r\n\r\nto the end"), "unfinished 500");
  EXPECT_EQ(read("HTTP/1.1 204 No Content\r\n\r\n"), "whole 204");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "whole 200");
  EXPECT_EQ(read("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: "
                 "0\r\n\r\n"),
            "whole 404");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n"), "whole 200");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\r\n0\r\n"), "unfinished 200");
  EXPECT_EQ(read("HTTP/1.1 20"), "unfinished 0");
  EXPECT_EQ(read(std::string("\0HTTP/1.1 200 OK", 16)), "nonsense 0");
  EXPECT_EQ(read("HTTP/1.1 OK\r\n\r\n"), "nonsense 0");
  EXPECT_EQ(read("HTTP/1.1  20\r\n\r\n"), "nonsense 0");
  EXPECT_EQ(read("HTTP/1.1 -20\r\n\r\n"), "nonsense 0");
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), "nonsense 200");
  EXPECT_EQ(read("HTTP/1.1 " + std::string(70000, '2')), "nonsense 0");
}

std::uint16_t closed_port() {
  return Server([](int) {}).port;
}

TEST(Health, Refused) {
  EXPECT_EQ(check_health(http(), "127.0.0.1", closed_port(), 5s), "connection refused");
  EXPECT_EQ(check_health(tcp(), "127.0.0.1", closed_port(), 5s), "connection refused");
}

TEST(Health, TcpConnects) {
  Server server([](int) {});
  EXPECT_EQ(check_health(tcp(), "127.0.0.1", server.port, 5s), std::nullopt);
}

// A relay that takes the connection before the service does, as QEMU's user network.
TEST(Health, TcpThroughRelay) {
  Server open([](int peer) {
    pollfd closed{peer, POLLRDHUP, 0};
    ::poll(&closed, 1, 10000);
  });
  int asked = 0;
  EXPECT_EQ(check_health(tcp(), "127.0.0.1", open.port, 5s, [&](std::uint16_t) { return ++asked == 3; }),
            std::nullopt);
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(check_health(tcp(), "127.0.0.1", open.port, 100ms, [](std::uint16_t) { return false; }),
            "no answer within 0.1 s");
  Server closing([](int) {});
  EXPECT_EQ(check_health(tcp(), "127.0.0.1", closing.port, 5s, [](std::uint16_t) { return false; }),
            "connection refused");
}

// The same for HTTP: given up early when the guest has not taken the connection, else given all the time.
TEST(Health, HttpThroughRelay) {
  Server silent([](int peer) {
    pollfd closed{peer, POLLRDHUP, 0};
    ::poll(&closed, 1, 10000);
  });
  const auto ask = [&](bool reached) {
    return check_health(http(), "127.0.0.1", silent.port, 600ms, [=](std::uint16_t) { return reached; });
  };
  EXPECT_EQ(ask(false), "no answer within 0.25 s");
  EXPECT_EQ(ask(true), "no answer within 0.6 s");
  std::uint16_t from = 0;
  check_health(http(), "127.0.0.1", silent.port, 400ms, [&](std::uint16_t port) {
    from = port;
    throw std::runtime_error("QEMU has gone");
    return true;
  });
  EXPECT_NE(from, 0);
}

TEST(Health, NoAddress) {
  const auto problem = check_health(tcp(), "not an address", 80, 1s);
  ASSERT_TRUE(problem);
  EXPECT_TRUE(problem->starts_with("'not an address' is no address")) << *problem;
}

}  // namespace
}  // namespace vmimage::machine
