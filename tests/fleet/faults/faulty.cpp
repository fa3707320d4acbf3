// A service that misbehaves as it is told, for the tests of faults. It runs as root in its guest.
//   GET /               <host name>
//   GET /health/<mode>  from here on, checks are answered so: good, bad (500), slow (2 s), late (20 s),
//                       never, nonsense (no HTTP), flap (good and bad in turn, said on the console)
//   GET /eat            takes memory until there is none
//   GET /fill           writes to the disk until there is no room; answers with the reason
//   GET /fill/<n>       writes n MiB; answers "enough"
//   GET /flood          writes lines to the console until it is asked to stop: GET /flood/stop
//   GET /panic          the kernel panics
//   GET /reach/<address>/<port>  what the first line is that is said there, or why there is none
//   GET /healthz        the check
// Written on sockets, so that it can be wrong in every way.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
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

std::string health = "good";  // only the thread that takes connections changes it
std::atomic<bool> flooding = false;

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

void answer(int connection, const std::string& status, const std::string& body) {
  const std::string text = "HTTP/1.1 " + status +
                           "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                           "\r\n\r\n" + body;
  [[maybe_unused]] const auto sent = send(connection, text.data(), text.size(), MSG_NOSIGNAL);
}

void eat() {
  std::vector<char*> eaten;
  while (true) {
    constexpr std::size_t kPiece = 1 << 20;
    auto* piece = new char[kPiece];
    std::memset(piece, 1, kPiece);
    eaten.push_back(piece);
  }
}

std::string fill(long most) {
  const int file = open("/var/filling", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const std::vector<char> piece(1 << 20, 'x');
  long written = 0;
  while (written < most && write(file, piece.data(), piece.size()) > 0)
    ++written;
  const std::string reason = written == most ? "enough" : std::strerror(errno);
  fsync(file);
  close(file);
  unlink("/var/filling");
  return reason + "\n";
}

void flood() {
  const std::string line(120, '.');
  for (long number = 1; flooding; ++number)
    std::cout << number << line << "\n" << std::flush;
}

void panic() {
  const int file = open("/proc/sysrq-trigger", O_WRONLY);
  [[maybe_unused]] const auto written = write(file, "c", 1);
}

std::string reach(const std::string& where) {
  const auto slash = where.find('/');
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (slash == std::string::npos ||
      getaddrinfo(where.substr(0, slash).c_str(), where.substr(slash + 1).c_str(), &hints, &found) != 0)
    return "no address\n";
  const int fd = socket(found->ai_family, SOCK_STREAM, 0);
  const timeval limit{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::string line;
  if (connect(fd, found->ai_addr, found->ai_addrlen) == 0)
    for (char c = 0; !line.ends_with("\n") && recv(fd, &c, 1, 0) == 1;)
      line += c;
  freeaddrinfo(found);
  close(fd);
  return line.empty() ? std::string(std::strerror(errno)) + "\n" : line;
}

void answer_check(int connection, const std::string& mode, bool odd) {
  using namespace std::chrono_literals;
  if (mode == "slow" || mode == "late")
    std::this_thread::sleep_for(mode == "slow" ? 2s : 20s);
  if (mode == "never")
    std::this_thread::sleep_for(1h);
  if (mode == "nonsense") {
    const std::string bytes("\0\377SSH-2.0 200 OK\r\n\r\n\0", 23);
    [[maybe_unused]] const auto sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return;
  }
  const bool bad = mode == "bad" || (mode == "flap" && odd);
  answer(connection, bad ? "500 Bad" : "200 OK", "health\n");
}

void serve(int connection, const std::string& path, const std::string& mode, bool odd) {
  if (path == "/healthz")
    answer_check(connection, mode, odd);
  else if (path.starts_with("/fill"))
    answer(connection, "200 OK", fill(path == "/fill" ? 1 << 20 : std::atol(path.c_str() + 6)));
  else if (path.starts_with("/reach/"))
    answer(connection, "200 OK", reach(path.substr(7)));
  else
    answer(connection, "200 OK", host_name() + "\n");
  close(connection);
  if (path == "/eat")
    eat();
  if (path == "/panic")
    panic();
  if (path == "/flood")
    flood();
}

/// The head of a request; a balancer may send it in pieces.
std::string read_head(int connection) {
  const timeval limit{5, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::string head;
  char bytes[4096];
  for (ssize_t got = 0;
       head.find("\r\n\r\n") == std::string::npos && (got = recv(connection, bytes, sizeof bytes, 0)) > 0;)
    head.append(bytes, static_cast<std::size_t>(got));
  return head;
}

}  // namespace

int main() {
  std::signal(SIGTERM, [](int) { _exit(0); });
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(8080);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 64) != 0) {
    std::cout << "faulty: " << std::strerror(errno) << std::endl;
    return 1;
  }
  std::cout << "faulty: listening" << std::endl;
  bool odd = false;
  for (int connection; (connection = accept(listener, nullptr, nullptr)) >= 0 || errno == EINTR;) {
    const std::string head = read_head(connection);
    const auto start = head.find(' ') + 1;
    const std::string path = head.substr(start, head.find(' ', start) - start);
    if (path.starts_with("/health/"))
      health = path.substr(8);
    if (path.starts_with("/flood"))
      flooding = path == "/flood";
    if (head.find("vmimage-health") != std::string::npos) {  // not those of the balancer
      odd = !odd;
      if (health == "flap")
        std::cout << "faulty: a check, answered " << (odd ? "bad" : "good") << std::endl;
    }
    std::thread(serve, connection, path, health, odd).detach();
  }
}
