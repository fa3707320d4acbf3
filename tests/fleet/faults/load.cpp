// A load whose failures are known exactly: load <port> <threads>, until SIGTERM. Each thread asks for / again
// and again, each time on a new connection.
// Then, on standard output: answered=N refused=N failed=N. Refused: nobody listened, so that no request was
// made; it is tried again. Failed: connected, and no whole answer with status 200. Why, on standard error.
//
// load --occupy <port> listens there instead, until it is ended; load --greet <address> <port> says "hello"
// to all who connect there; load --qmp <socket> <command> has QEMU execute that.

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<bool> running = true;
std::atomic<long> answered = 0, refused = 0, failed = 0;

/// What came until the other side closed.
std::string receive(int fd, std::string& problem) {
  std::string text;
  char bytes[4096];
  ssize_t got = 0;
  while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0)
    text.append(bytes, static_cast<std::size_t>(got));
  if (got < 0)
    problem = std::strerror(errno);
  return text;
}

/// Empty: answered.
std::string ask(int fd) {
  const std::string request = "GET / HTTP/1.1\r\nHost: load\r\nConnection: close\r\n\r\n";
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0)
    return std::strerror(errno);
  std::string problem;
  const std::string text = receive(fd, problem);
  if (!problem.empty())
    return problem;
  if (!text.starts_with("HTTP/1.1 200"))
    return text.empty() ? "closed without an answer" : text.substr(0, text.find('\r'));
  return text.ends_with("\n") ? "" : "cut off";
}

sockaddr_in loopback(const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(std::atoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int occupy(sockaddr_in address) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(fd, 1) != 0) {
    std::cerr << std::strerror(errno) << "\n";
    return 1;
  }
  return pause();
}

int greet(const std::string& host, const char* port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<in_port_t>(std::atoi(port)));
  const int fd = socket(AF_INET6, SOCK_STREAM, 0);
  if (inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1 ||
      bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(fd, 8) != 0) {
    std::cerr << std::strerror(errno) << "\n";
    return 1;
  }
  for (int connection; (connection = accept(fd, nullptr, nullptr)) >= 0; close(connection))
    send(connection, "hello\n", 6, MSG_NOSIGNAL);
  return 1;
}

/// Reads lines until one has this word.
bool expect(int fd, const std::string& word) {
  std::string line;
  for (char c = 0; recv(fd, &c, 1, 0) == 1; line = c == '\n' ? "" : line + c)
    if (c == '\n' && line.find(word) != std::string::npos)
      return true;
  return false;
}

int have_executed(const std::string& socket_path, const std::string& command) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || !expect(fd, "QMP"))
    return 1;
  for (const auto& word : {std::string("qmp_capabilities"), command}) {
    const std::string line = "{\"execute\": \"" + word + "\"}\n";
    if (send(fd, line.data(), line.size(), MSG_NOSIGNAL) < 0 || !expect(fd, "return"))
      return 1;
  }
  return 0;
}

void load(sockaddr_in address) {
  while (running) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const timeval limit{30, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ++refused;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } else if (const auto problem = ask(fd); problem.empty()) {
      ++answered;
    } else {
      ++failed;
      std::cerr << problem + "\n";
    }
    close(fd);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace

int main(int count, char** words) {
  if (count == 4 && words[1] == std::string("--qmp"))
    return have_executed(words[2], words[3]);
  if (count == 4 && words[1] == std::string("--greet"))
    return greet(words[2], words[3]);
  if (count != 3)
    return 2;
  if (words[1] == std::string("--occupy"))
    return occupy(loopback(words[2]));
  std::signal(SIGTERM, [](int) { running = false; });
  std::vector<std::thread> threads;
  for (int i = 0; i < std::atoi(words[2]); ++i)
    threads.emplace_back(load, loopback(words[1]));
  for (auto& thread : threads)
    thread.join();
  std::cout << "answered=" << answered << " refused=" << refused << " failed=" << failed << std::endl;
}
